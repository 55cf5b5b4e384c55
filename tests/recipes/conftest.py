"""One thread: several test runs share the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None: ...
