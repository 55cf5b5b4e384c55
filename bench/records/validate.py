"""Every fault of a results folder, explained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganqbench.records.acceptance import Published, folder_faults
from ganqbench.records.canonical import sha256
from ganqbench.records.rerun import rerun_faults
from ganqbench.records.rules import identity_faults
from ganqbench.records.schema import Record
from ganqbench.records.store import (
    MAX_PREVIEW_BYTES,
    InvalidRecord,
    preview_path,
    read,
    read_bounded,
    record_files,
)


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
    """Check one record file, or every JSON file below a folder and what must hold between them."""
    files = [path] if path.is_file() else list(record_files(path))
    published = Published()
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
        found = [
            *record_faults(record, file),
            *identity_faults(record),
            *rerun_faults(file, record),
            *published.faults(record),
        ]
        faults += [Fault(file, what) for what in found]
        if not found:
            records.append((file, record))
    together = [Fault(file, what) for file, what in folder_faults(records)]
    disputed = {fault.path for fault in together}
    return Report(
        tuple((file, record) for file, record in records if file not in disputed),
        (*faults, *together),
    )


def record_faults(record: Record, path: Path) -> Iterator[str]:
    """What is wrong between a well-formed record, its place and its image."""
    expected = record.cell.path
    if path.resolve().parts[-len(expected.parts) :] != expected.parts:
        yield f"holds the record of {record.cell}, which belongs at {expected}"
    yield from preview_faults(record, preview_path(path))


def preview_faults(record: Record, image: Path) -> Iterator[str]:
    """What is wrong with the image of a record, where it has one."""
    if record.preview is None:
        return
    try:
        data = read_bounded(image, MAX_PREVIEW_BYTES)
    except FileNotFoundError:
        yield f"its image {image.name} is missing"
        return
    except (InvalidRecord, OSError) as error:
        yield f"its image {image.name} can't be read: {error}"
        return
    if not data or len(data) > MAX_PREVIEW_BYTES:
        yield f"its image {image.name} is empty or over {MAX_PREVIEW_BYTES} bytes"
    elif sha256(data) != record.preview.sha256:
        yield f"its image {image.name} is not the one that was recorded"
