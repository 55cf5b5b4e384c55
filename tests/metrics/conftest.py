"""Metrics are computed on one thread, as in a cell's process: reproducible, and fast on a busy machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="module")
def _one_thread_of_numpy() -> Iterator[None]:
    """For a module, as looking through the libraries takes a while; its fixtures keep to it as well."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None: ...
