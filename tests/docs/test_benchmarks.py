"""The scripts beside the package still run: at a size that shows nothing but that."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.mark.usefixtures("one_thread")
def test_the_cost_of_an_evaluation_can_be_measured(script: Callable[[str], ModuleType]) -> None:
    overhead = script("overhead")
    found = overhead.evaluate(2 * overhead.BATCH, overhead.Standin(8, 32))
    assert {"fid", "fid_delta", "psnr"} <= set(found["metrics"])
    assert {"quantize", "audit", "evaluate", "metrics"} <= set(found["phases"])
