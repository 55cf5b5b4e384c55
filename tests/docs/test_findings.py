"""The page of findings says what the committed records say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from committed import states

from ganqbench.site.assemble import boards
from ganqbench.site.board import Board
from ganqbench.site.digest import digest
from ganqbench.site.load import load
from ganqbench.site.summary import summary, with_summary

ROOT = Path(__file__).parents[2]


@cache
def boards_of(results: Path) -> tuple[Board, ...]:
    return boards(load(results).runs)


def test_findings_are_those_of_the_records(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    assert any(page == digest(boards_of(results)) for results in states(tmp_path)), (
        "docs/findings.md is not of these records: python -m ganqbench.site.digest results docs/findings.md"
    )


def test_the_readme_has_three_findings_of_the_records(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    def is_of(results: Path) -> bool:
        found = summary(boards_of(results))
        assert found.count("\n") == 3
        return readme == with_summary(readme, found)

    assert any(map(is_of, states(tmp_path))), (
        "README.md is not of these records: python -m ganqbench.site.summary results README.md"
    )


def test_a_readme_without_a_place_for_findings_is_refused() -> None:
    with pytest.raises(ValueError, match="README needs a line"):
        with_summary("# ganqbench\n", "- one\n")
