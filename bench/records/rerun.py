"""The note beside a record that somebody ran its cell again: who, where, and what came out.

A record without one is self-reported. The note names the record by its hash, so it can't vouch for
another one that takes the record's place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from ganqbench.records.canonical import canonical
from ganqbench.records.part import Commit, Count, Hardware, Name, Part, Sha256, Text, Time
from ganqbench.records.schema import Record
from ganqbench.records.store import RERUN, InvalidRecord, put, read_bounded

MAX_BYTES = 200_000
Label = Literal["self-reported", "re-run"]


class Rerun(Part):
    """One re-run of a record's cell that agreed with it within tolerance."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    record: Sha256
    """Hash of the record that was checked."""
    again: Sha256
    """Hash of the record that the re-run made."""
    who: Name
    hardware: Hardware
    versions: Annotated[dict[Name, Name | None], Field(max_length=64)]
    commit: Commit | None
    finished: Time
    compared: Count
    """Metrics that were compared."""
    note: Text | None = None


def rerun_path(path: Path) -> Path:
    """Where the note on a record file lies."""
    return path.with_name(path.name.removesuffix(".json") + RERUN)


def make_rerun(record: Record, again: Record, who: str) -> Rerun:
    """The note that `again`, the same cell run here, agreed with `record`."""
    where = again.provenance
    return Rerun.model_validate(
        {
            "schema": 1,
            "record": record.hash,
            "again": again.hash,
            "who": who,
            "hardware": where.hardware,
            "versions": where.versions,
            "commit": where.commit,
            "finished": where.finished,
            "compared": len(record.metrics),
        }
    )


def write_rerun(rerun: Rerun, path: Path) -> None:
    """Put the note beside the record file `path`; it is there whole or not at all."""
    put(rerun_path(path), canonical(rerun.model_dump(mode="json", by_alias=True)) + b"\n")


def rerun_faults(path: Path, record: Record) -> list[str]:
    """What is wrong with the note beside a record; nothing where there is none."""
    try:
        found = read_rerun(path)
    except ValueError as error:
        return [str(error)]
    if found is not None and found.record != record.hash:
        return [f"its note {rerun_path(path).name} is on another record, {found.record}"]
    return []


def read_rerun(path: Path) -> Rerun | None:
    """The note beside the record file `path`, or None.

    Raises ValueError if it can't be read or is no such note; that quotes nothing of it.
    """
    place = rerun_path(path)
    try:
        data = read_bounded(place, MAX_BYTES)
    except FileNotFoundError:
        return None
    except InvalidRecord as error:
        raise ValueError(f"its note {place.name} {'; '.join(error.faults)}") from error
    except OSError as error:
        raise ValueError(f"its note {place.name} can't be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ValueError(f"its note {place.name} is over {MAX_BYTES} bytes long")
    try:
        return Rerun.model_validate_json(canonical(json.loads(data)))
    except (ValidationError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(
            f"its note {place.name} can't be read: it is none that `ganqbench verify --who` leaves"
        ) from error


def label(path: Path, record: Record) -> Label:
    """Whether somebody ran this record's cell again and agreed, or it rests on its author's word."""
    try:
        found = read_rerun(path)
    except ValueError:
        return "self-reported"
    return "re-run" if found is not None and found.record == record.hash else "self-reported"
