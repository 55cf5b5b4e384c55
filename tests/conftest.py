"""Fixtures of several folders, and which tests share a process (`pytest -n 2 --dist loadgroup`)."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

# How long an example takes says nothing of the code where others keep the machine busy.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

# Helpers of several folders: tests are imported by path and not as packages.
sys.path.insert(0, str(Path(__file__).parent / "shared"))


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of this run's, shared by its processes: that of whoever runs the tests is left alone."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANQBENCH_HOME", str(folder / "ganqbench-home"))
        patch.delenv("GANQBENCH_MIRROR", raising=False)
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Equal sums in equal order on any machine, and no more of it than one core: several tests share it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """script(name): the module of `benchmarks/<name>.py`, which lies outside the package."""

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # where its dataclasses look for themselves
        spec.loader.exec_module(module)
        return module

    return load


METHOD = re.compile(r"^tests/conformance/.*[\[-](\w+\.[\w-]+?)(-W\d+A\d+|-FP32)?\]$")
TWINS: dict[str, str] = runpy.run_path(str(Path(__file__).parent / "conformance/twins.py"))["TWINS"]


def group(nodeid: str) -> str:
    """What shares fixtures: a conformance method's cases, quantized once; the browser's sites; a file."""
    method = METHOD.match(nodeid)
    if method:
        return TWINS.get(method[1], method[1])
    file = nodeid.partition("::")[0]
    return "tests/browser" if file.startswith("tests/browser/") else file


# Not by marks: under pytest 9.2 the `loadgroup` of xdist 3.8 passes over them without a word.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Groups in the order of the files: the longest are in the middle, and short ones fill up the end."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return Together(config, log)
