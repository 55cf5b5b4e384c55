"""Records from a results folder. What is not valid is reported with its reason and goes no further."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ganqbench.cell import Cell
from ganqbench.records.canonical import sha256
from ganqbench.records.schema import Record
from ganqbench.records.store import (
    MAX_BYTES,
    MAX_PREVIEW_BYTES,
    InvalidRecord,
    parse,
    preview_path,
    record_files,
)


@dataclass(frozen=True)
class Run:
    """A valid record, its place below `results/`, and its image if that is the one it names."""

    record: Record
    body: bytes
    """The record file as it was read and checked."""
    image: bytes | None

    @property
    def cell(self) -> Cell:
        """The cell that was run."""
        return self.record.cell


@dataclass(frozen=True)
class Fault:
    """A file that the site does not use, and why."""

    path: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}: {'; '.join(self.reasons)}"


@dataclass(frozen=True)
class Loaded:
    """Everything that a results folder holds."""

    runs: tuple[Run, ...]
    faults: tuple[Fault, ...]


def load(results: Path) -> Loaded:
    """Read and check every record file below `results`."""
    runs: list[Run] = []
    faults: list[Fault] = []
    for path in record_files(results):
        place = PurePosixPath(path.relative_to(results).as_posix())
        try:
            body = _bytes(path)
            record = parse(body, path)
        except InvalidRecord as error:
            faults.append(Fault(str(place), tuple(error.faults)))
            continue
        except OSError as error:
            faults.append(Fault(str(place), (f"can't be read: {error.strerror}",)))
            continue
        # One cell, one file: a copy under another name would count a run twice.
        if place != record.cell.path:
            faults.append(Fault(str(place), (f"holds the cell that belongs at {record.cell.path}",)))
            continue
        image, trouble = _image(record, path)
        if trouble:
            faults.append(Fault(str(place.with_name(preview_path(path).name)), (trouble,)))
        runs.append(Run(record, body, image))
    return Loaded(tuple(runs), tuple(faults))


def _bytes(path: Path) -> bytes:
    """A file's content, or as much of it as shows that it is too long for a record."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _image(record: Record, path: Path) -> tuple[bytes | None, str | None]:
    """The preview's bytes, or what is wrong with it; a record without one is fine."""
    if record.preview is None:
        return None, None
    try:
        size = preview_path(path).stat().st_size
        if size > MAX_PREVIEW_BYTES:
            return None, f"is {size} bytes long; images have at most {MAX_PREVIEW_BYTES}"
        image = preview_path(path).read_bytes()
    except OSError as error:
        return None, f"can't be read: {error.strerror}"
    if sha256(image) != record.preview.sha256:
        return None, "is not the image that its record names (another hash)"
    if image[:4] != b"RIFF" or image[8:12] != b"WEBP":
        return None, "is not a WebP image"
    return image, None
