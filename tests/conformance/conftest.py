"""Conformance: what every adapter and method has to hold, whoever wrote it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize `case` over adapters x methods x architectures, `method` and `adapter`."""
    import workbench

    cases = workbench.all_cases()
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases, ids=str)
    if "adapter" in metafunc.fixturenames:
        metafunc.parametrize("adapter", sorted({case.adapter for case in cases}))
    if "method" in metafunc.fixturenames:
        first = next(iter(workbench.ARCHITECTURES))
        chosen = [case for case in cases if case.arch == first]
        metafunc.parametrize("method", chosen, ids=lambda case: f"{case.adapter}.{case.method}")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # several test runs share two cores
    yield
    torch.set_num_threads(before)
