"""The page of speeds says what the measured figures say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_speeds_are_those_that_were_measured() -> None:
    spec = importlib.util.spec_from_file_location("speed_page", ROOT / "benchmarks" / "speed_page.py")
    assert spec is not None
    assert spec.loader is not None
    speed_page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(speed_page)
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert page == speed_page.page(*speed_page.read(ROOT / "docs" / "speed")), (
        "docs/speed.md is not of these figures: python benchmarks/speed_page.py"
    )
