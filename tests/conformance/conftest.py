"""Conformance: what every adapter and method has to hold, whoever wrote it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))

import matrix

from ganqbench.errors import UserError
from ganqbench.harness.declared import declared

ENTRIES = pytest.StashKey[list[matrix.Entry]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--adapter", help="only this adapter: its name, or the file of one outside the package")
    parser.addoption("--matrix", type=Path, help="write the table of methods, architectures and bits here")


def pytest_configure(config: pytest.Config) -> None:
    import contributed

    chosen = config.getoption("--adapter", None)
    if chosen and chosen.endswith(".py"):
        stage = Path(tempfile.mkdtemp(prefix="ganqbench-adapter-"))
        config.add_cleanup(lambda: shutil.rmtree(stage))
        chosen = config.option.adapter = contributed.register(Path(chosen), stage)
    if chosen:
        try:
            declared(chosen)
        except UserError as error:
            raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --adapter: what is asked of every adapter, and the traps that name this one."""
    chosen = config.getoption("--adapter", None)
    if chosen:
        kept = [item for item in items if _of_every_adapter(item) or chosen in item.name]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def _of_every_adapter(item: pytest.Item) -> bool:
    return not {"case", "trainable", "method", "first", "adapter"}.isdisjoint(
        getattr(item, "fixturenames", ())
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how each claim of bits ended."""
    report = yield
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if call.when == "call" and item.name.startswith("test_every_product_runs_at_the_claimed_bits"):
        case, bits = parameters["case"], parameters["bits"]
        if report.failed:
            assert call.excinfo is not None
            status: matrix.Status = "failed"
            reason = str(call.excinfo.value).splitlines()[0][:300]
        else:
            declined = case.skip(bits)
            status, reason = ("skipped", declined.reason) if declined else ("ok", "")
        entry = matrix.Entry(f"{case.adapter}.{case.method}", case.arch, bits, status, reason)
        item.config.stash.setdefault(ENTRIES, []).append(entry)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    path, found = session.config.getoption("--matrix", None), session.config.stash.get(ENTRIES, [])
    if path is not None and found:
        import workbench

        known = {f"{case.adapter}.{case.method}" for case in workbench.all_cases()}
        matrix.write(matrix.merged(matrix.read(path), found, known), path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize `case` over adapters x methods x architectures, and what there are fewer of."""
    import workbench

    chosen = metafunc.config.getoption("--adapter", None)
    cases = workbench.all_cases(chosen)
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases, ids=str)
    if "trainable" in metafunc.fixturenames:
        metafunc.parametrize("trainable", [case for case in cases if case.trainable], ids=str)
    if "adapter" in metafunc.fixturenames:
        metafunc.parametrize("adapter", sorted({case.adapter for case in cases}))
    methods = [workbench.first_that_runs(own) for own in workbench.by_method(cases)]
    if "method" in metafunc.fixturenames:
        metafunc.parametrize("method", methods, ids=lambda case: f"{case.adapter}.{case.method}")
    if "first" in metafunc.fixturenames:
        metafunc.parametrize("first", [case for case in methods if case.is_first], ids=str)


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture(autouse=True)
def _short_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a method does shows after a fraction of its steps; how far it gets is no matter of conformance."""
    from ganqbench.adapters import _learned_rounding
    from ganqbench.adapters.ganq import adaround, distill, reconstruct

    monkeypatch.setattr(adaround, "ITERATIONS", 20)
    monkeypatch.setattr(distill, "STEPS", 10)
    monkeypatch.setattr(reconstruct, "Plan", partial(reconstruct.Plan, iterations=30, step_iterations=8))
    monkeypatch.setattr(_learned_rounding, "Rounding", partial(_learned_rounding.Rounding, steps=15))
