"""Every fault of a results folder, explained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganqbench.records.canonical import sha256
from ganqbench.records.schema import Record
from ganqbench.records.store import MAX_PREVIEW_BYTES, InvalidRecord, preview_path, read, record_files

RELATIVE = 1e-6


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with one file."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass(frozen=True)
class Report:
    """What a validation found."""

    records: tuple[tuple[Path, Record], ...]
    faults: tuple[Fault, ...]


def validate(path: Path) -> Report:
    """Check one record file, or every JSON file below a folder."""
    files = [path] if path.is_file() else list(record_files(path))
    records: list[tuple[Path, Record]] = []
    faults: list[Fault] = []
    for file in files:
        try:
            record = read(file)
        except InvalidRecord as error:
            faults += [Fault(file, what) for what in error.faults]
            continue
        except OSError as error:
            faults.append(Fault(file, f"can't be read: {error}"))
            continue
        found = [Fault(file, what) for what in record_faults(record, file)]
        faults += found
        if not found:
            records.append((file, record))
    return Report(tuple(records), tuple(faults))


def record_faults(record: Record, path: Path) -> Iterator[str]:
    """What is wrong between a well-formed record, its place and its image."""
    expected = record.cell.path
    if path.resolve().parts[-len(expected.parts) :] != expected.parts:
        yield f"holds the record of {record.cell}, which belongs at {expected}"
    yield from _preview_faults(record, preview_path(path))
    yield from _audit_faults(record)


def _preview_faults(record: Record, image: Path) -> Iterator[str]:
    if record.preview is None:
        return
    if not image.is_file():
        yield f"its image {image.name} is missing"
        return
    data = image.read_bytes() if image.stat().st_size <= MAX_PREVIEW_BYTES else b""
    if not data:
        yield f"its image {image.name} is empty or over {MAX_PREVIEW_BYTES} bytes"
    elif sha256(data) != record.preview.sha256:
        yield f"its image {image.name} is not the one that was recorded"


def _audit_faults(record: Record) -> Iterator[str]:
    """Disagreement between the totals of an audit and its rows."""
    audit = record.audit
    if audit is None:
        return
    total = sum(op.macs for op in audit.ops if op.match != "extra" and not op.exempt)
    if total != audit.macs:
        yield f"audit.macs is {audit.macs}, its operations sum to {total}"
    names = ("coverage", "coverage_undeclared")
    for name, counted in zip(names, audit.recount(record.cell.bits), strict=True):
        stated = getattr(audit, name)
        if not math.isclose(stated, counted, rel_tol=RELATIVE, abs_tol=RELATIVE):
            yield f"audit.{name} is {stated}, its operations give {counted:.6f}"
