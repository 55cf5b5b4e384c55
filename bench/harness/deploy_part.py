"""Put a deploy part into a finished record: the only part of it that is measured afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganqbench.adapter import load_adapter
from ganqbench.cell import Cell
from ganqbench.errors import UserError
from ganqbench.harness.gans import Gans
from ganqbench.harness.identity import numeric_code, resume_key, versions
from ganqbench.records.schema import Record
from ganqbench.records.store import content_faults, preview_path, seal, write
from ganqbench.records.validate import record_faults
from ganqbench.suite import Suite


def current_key(cell: Cell, suite: Suite, gans: Gans) -> str:
    """The resume key that a record of this cell has, made with what is here."""
    entry, adapter = gans.entry(cell.gan), load_adapter(cell.adapter)
    return resume_key(cell, suite, entry, numeric_code(cell, entry), versions(adapter, entry))


def check_current(record: Record, key: str) -> None:
    """UserError unless the record's resume key is this: else its generator is not the one made here."""
    if record.provenance.key != key:
        raise UserError(
            f"The record of {record.cell} is not current: its generator is not the one made here.",
            "Run its cell again with `ganqbench run` first.",
        )


def check_place(record: Record, path: Path) -> None:
    """UserError unless the file lies where its record belongs, beside its image; else nothing replaces it."""
    faults = list(record_faults(record, path))
    if faults:
        raise UserError(
            f"{path}: {'; '.join(faults)}.",
            "Put the record and its image where they belong, or only print with --keep.",
        )


def with_deploy(record: Record, part: Mapping[str, Any] | None, key: str) -> Record:
    """The record with this part; its resume key stays, its hash doesn't.

    Raises UserError for a record that isn't current (its numbers are of another generator than the one
    deployed) or that isn't ok, and ValueError for a part that no record may hold.
    """
    if record.status != "ok":
        raise UserError(
            f"{record.cell} is {record.status}: there is nothing to deploy.", "Choose a cell that is ok."
        )
    check_current(record, key)
    document = record.model_dump(mode="json", by_alias=True, exclude={"hash"})
    found = seal({**document, "deploy": part})
    faults = list(content_faults(found))
    if faults:
        raise ValueError("; ".join(faults))
    return found


def write_deploy(record: Record, path: Path) -> None:
    """Replace the record file at `path`, its image stays; a note of a re-run was on the old one and goes.

    Raises UserError, and writes nothing, where the file does not lie where the record belongs.
    """
    check_place(record, path)
    image = None if record.preview is None else preview_path(path).read_bytes()
    write(record, image, path.resolve().parents[2])
