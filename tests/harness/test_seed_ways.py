"""Seeds that other code or other libraries measured are not taken together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from seed_records import records

from ganqbench.harness.seed_rows import seed_rows
from ganqbench.records.schema import Record
from ganqbench.records.store import seal


def changed(record: Record, **where: Any) -> Record:
    document = record.model_dump(mode="json", by_alias=True, exclude={"hash"})
    return seal({**document, "provenance": {**document["provenance"], **where}})


@pytest.mark.parametrize(
    "way", [{"numeric_code": "sha256:" + "1" * 64}, {"versions": {"torch": "9.0.0", "python": "3.11.7"}}]
)
def test_another_way_of_measuring_is_another_row(way: dict[str, Any], tmp_path: Path) -> None:
    first, *others = records()
    (row,) = seed_rows([changed(first, **way), *others], tmp_path)
    assert row.summary.seeds == 2


def test_another_python_is_no_other_way(tmp_path: Path) -> None:
    first, *others = records()
    versions = {**first.provenance.versions, "python": "9.9.9"}
    (row,) = seed_rows([changed(first, versions=versions), *others], tmp_path)
    assert row.summary.seeds == 3
