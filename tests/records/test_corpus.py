"""Records that were once written load for ever, and say what they said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganqbench.records.migrations import SCHEMA, STEPS, upgrade
from ganqbench.records.rules import identity_faults
from ganqbench.records.store import InvalidRecord, parse

CORPUS = sorted((Path(__file__).parent / "corpus").rglob("*.json"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_old_record_loads_and_keeps_its_numbers(path: Path) -> None:
    stated = json.loads(path.read_bytes())
    record = parse(path.read_bytes(), path)
    assert str(stated["schema"]) == path.parent.name
    assert record.schema_version == SCHEMA
    assert record.hash == stated["hash"]
    assert record.status == stated["status"]
    assert {name: metric.value for name, metric in record.metrics.items()} == {
        name: metric["value"] for name, metric in stated["metrics"].items()
    }
    assert record.cell.model_dump(mode="json") == stated["cell"]
    assert not list(identity_faults(record))


def test_every_schema_so_far_is_in_the_corpus() -> None:
    assert {path.parent.name for path in CORPUS} == {str(version) for version in range(1, SCHEMA + 1)}
    assert set(STEPS) == set(range(1, SCHEMA))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_upgrade_changes_no_document_in_place(path: Path) -> None:
    document = json.loads(path.read_bytes())
    upgrade(document)
    assert document == json.loads(path.read_bytes())


def test_the_hash_of_an_old_record_is_still_that_of_its_file() -> None:
    path = next(path for path in CORPUS if path.parent.name == "1" and path.stem == "distances")
    edited = path.read_bytes().replace(b'"attempts"', b"").replace(b'"n":886', b'"n":885')
    with pytest.raises(InvalidRecord, match="the content hashes to"):
        parse(edited, path)
