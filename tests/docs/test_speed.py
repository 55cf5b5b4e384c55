"""The page of speeds says what the measured figures say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def test_speeds_are_those_that_were_measured(script: Callable[[str], ModuleType]) -> None:
    speed_page = script("speed_page")
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert page == speed_page.page(*speed_page.read(ROOT / "docs" / "speed")), (
        "docs/speed.md is not of these figures: python benchmarks/speed_page.py"
    )
