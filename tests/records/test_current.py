"""What the changelog calls current was measured by the code beside it."""

from __future__ import annotations

import re
from functools import cache

import pytest
from committed import ROOT, newest

from ganqbench.cell import Cell
from ganqbench.harness.identity import numeric_code
from ganqbench.records.validate import validate
from ganqbench.zoo import entry

SAID = re.search(
    r"The records of (.+?) are current", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.S
)
SUITES = re.findall(r"`(\w+)`", SAID[1]) if SAID else []


@cache
def present(adapter: str, gan: str) -> str:
    cell = Cell.model_validate(
        {"suite": "mini", "suite_version": 1, "gan": gan, "adapter": adapter, "method": "any", "bits": "W8A8"}
        | {"seed": 0}
    )
    return numeric_code(cell, entry(gan))


def test_the_changelog_says_which_records_are_current() -> None:
    assert {"mini", "full", "standard"} <= set(SUITES)


@pytest.mark.parametrize("suite", SUITES)
def test_records_called_current_are_of_the_present_code(suite: str) -> None:
    records = validate(newest(suite)).records
    assert records
    older = {
        f"{record.cell.adapter} on {record.cell.gan}"
        for _, record in records
        if record.provenance.numeric_code != present(record.cell.adapter, record.cell.gan)
    }
    assert not older, "measured by other code; run the suite again, or say in CHANGELOG.md that it is older"
