"""The command that measures coverage says what it simulated, on a page of its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def rows(page: str) -> list[list[str]]:
    """Cells of the table."""
    lines = [line for line in page.splitlines() if line.startswith("| frechet")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def stated(figures: Path) -> list[list[str]]:
    """What the page must say of the figures."""
    cases = json.loads(figures.read_text(encoding="utf-8"))["figures"]["cases"]
    return [
        [
            *(case["metric"].replace("_", " "), case["noise"], case["quantization"]),
            *(f"{case[name]:.1%}" for name in ("held", "above", "below")),
            f"{case['se_ratio']:.2f}",
        ]
        for case in cases
    ]


def test_the_page_is_that_of_the_figures_and_of_todays_cases(script: Callable[[str], ModuleType]) -> None:
    coverage = script("coverage")
    document = json.loads((ROOT / "docs" / "coverage.json").read_text(encoding="utf-8"))
    assert (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8") == coverage.page(document)
    assert [case["case"] for case in document["figures"]["cases"]] == [c.name for c in coverage.full_cases()]


def test_the_command_writes_a_page_of_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "coverage.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "coverage.py"), "--full", "--redraws", "3"]
    done = subprocess.run(
        [*command, "--only", "coarse", "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr  # 1 where an interval of so few redraws does not hold
    (row,) = rows(out.with_suffix(".md").read_text(encoding="utf-8"))
    assert [row] == stated(out)
    (case,) = json.loads(out.read_text(encoding="utf-8"))["figures"]["cases"]
    assert (case["dim"], case["n"]) == (192, 5000)
    assert case["held"] + case["above"] + case["below"] == pytest.approx(1)
