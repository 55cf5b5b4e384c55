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
    if audit is None or not audit.ops:
        return
    total = sum(op.macs for op in audit.ops)
    if total != audit.macs:
        yield f"audit.macs is {audit.macs}, its operations sum to {total}"
    if record.cell.is_baseline or not audit.macs:
        return
    weights, activations = 2**record.cell.bits.weights, 2**record.cell.bits.activations
    covered = sum(op.macs for op in audit.ops if op.covered(weights, activations))
    share = covered / (audit.macs + audit.extra_macs)
    if not math.isclose(share, audit.coverage, rel_tol=RELATIVE, abs_tol=RELATIVE):
        yield f"audit.coverage is {audit.coverage}, its operations give {share:.6f}"
