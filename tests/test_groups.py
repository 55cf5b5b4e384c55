"""Tests that share something expensive run in one process, whatever their parameters are called."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def conftest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("groups", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("tests/conformance/test_numbers.py::test_a[cyclegan-some.ptq-mse-bias-W8A8]", "some.ptq-mse-bias"),
        ("tests/conformance/test_numbers.py::test_b[sagan-some.ptq-mse-bias]", "some.ptq-mse-bias"),
        ("tests/conformance/test_manners.py::test_c[some.ptq-mse-bias-FP32]", "some.ptq-mse-bias"),
        ("tests/conformance/test_traps.py::test_e[3-sagan-modelopt.qat-max]", "modelopt.ptq-max"),
        ("tests/conformance/test_manners.py::test_d[torch_ao]", "tests/conformance/test_manners.py"),
        ("tests/browser/test_use.py::test_e[a.b-W8A8]", "tests/browser"),
        ("tests/audit/test_grid.py::test_f", "tests/audit/test_grid.py"),
    ],
)
def test_groups(nodeid: str, expected: str, conftest: ModuleType) -> None:
    assert conftest.group(nodeid) == expected


def test_every_case_is_in_the_group_of_its_method(
    conftest: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).with_name("conformance")))
    cases = importlib.import_module("workbench").all_cases()
    assert len(cases) > 100
    for case in cases:
        for parameters in (f"{case}-W8A8", f"{case}", f"{case.adapter}.{case.method}-W2A5"):
            found = conftest.group(f"tests/conformance/test_numbers.py::test_a[{parameters}]")
            assert found == f"{case.adapter}.{case.twin.method}"


def test_xdist_is_handed_a_scheduler_of_groups(
    request: pytest.FixtureRequest, conftest: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = pytest.importorskip("xdist.remote")
    config = request.config
    monkeypatch.setattr(config.option, "dist", "loadgroup", raising=False)
    monkeypatch.setattr(config.option, "loadscopereorder", True, raising=False)
    monkeypatch.setattr(config.option, "tx", ["popen"], raising=False)
    made = conftest.pytest_xdist_make_scheduler(config, remote.Producer("groups"))
    assert made._split_scope("tests/browser/test_use.py::test_e") == "tests/browser"
    assert not config.option.loadscopereorder
    config.option.dist = "load"
    assert conftest.pytest_xdist_make_scheduler(config, remote.Producer("groups")) is None
