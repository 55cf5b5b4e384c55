"""The page of findings says what the committed records say."""

from __future__ import annotations

from pathlib import Path

from ganqbench.site.assemble import boards
from ganqbench.site.digest import digest
from ganqbench.site.load import load

ROOT = Path(__file__).parents[2]


def test_findings_are_those_of_the_records() -> None:
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    assert page == digest(boards(load(ROOT / "results").runs)), (
        "docs/findings.md is not of these records: python -m ganqbench.site.digest results docs/findings.md"
    )
