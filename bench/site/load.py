"""Records from a results folder. What is not valid is reported with its reason and goes no further."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ganqbench.cell import Cell
from ganqbench.records.canonical import sha256
from ganqbench.records.rerun import Rerun, read_rerun
from ganqbench.records.schema import Record
from ganqbench.records.store import (
    MAX_BYTES,
    MAX_PREVIEW_BYTES,
    InvalidRecord,
    parse,
    preview_path,
    read_bounded,
    record_files,
)
from ganqbench.records.validate import record_faults
from ganqbench.site.format import plain


@dataclass(frozen=True)
class Run:
    """A valid record, its place below `results/`, and its image if that is the one it names."""

    record: Record
    body: bytes
    """The record file as it was read and checked."""
    image: bytes | None
    rerun: Rerun | None = None
    """Who ran the cell again and agreed; without one the numbers are self-reported."""

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
        # It ends in terminals too, where a control character does things.
        return plain(f"{self.path}: {'; '.join(self.reasons)}")


@dataclass(frozen=True)
class Loaded:
    """Everything that a results folder holds."""

    runs: tuple[Run, ...]
    faults: tuple[Fault, ...]


def load(results: Path) -> Loaded:
    """Read every record file below `results` and judge each by itself: form, hash, bounds, place, image.

    Records that disagree meet on the boards: a metric of two identities has no column there. Whether a record
    keeps to its suite is for `ganqbench validate` to say, before anything is published.
    """
    runs: list[Run] = []
    faults: list[Fault] = []
    for path in record_files(results):
        try:
            runs.append(_run(path, results))
        except InvalidRecord as error:
            faults.append(Fault(path.relative_to(results).as_posix(), tuple(error.faults)))
        except OSError as error:
            reason = f"can't be read: {error.strerror or error}"
            faults.append(Fault(path.relative_to(results).as_posix(), (reason,)))
    return Loaded(tuple(runs), tuple(faults))


def _run(path: Path, results: Path) -> Run:
    body = read_bounded(path, MAX_BYTES)
    record = parse(body, path)
    faults = list(record_faults(record, path))
    # The same file deeper down would count a run twice.
    if not faults and PurePosixPath(path.relative_to(results).as_posix()) != record.cell.path:
        faults.append(f"holds the record of {record.cell}, which belongs at {record.cell.path}")
    if faults:
        raise InvalidRecord(path, faults)
    return Run(record, body, _image(record, path), _rerun(record, path))


def _rerun(record: Record, path: Path) -> Rerun | None:
    """The note beside the record, if it is one and on this record."""
    try:
        found = read_rerun(path)
    except (OSError, ValueError):
        return None
    return found if found is not None and found.record == record.hash else None


def _image(record: Record, path: Path) -> bytes | None:
    """The preview, as it is now: what was checked a moment ago may have been replaced since."""
    if record.preview is None:
        return None
    image = read_bounded(preview_path(path), MAX_PREVIEW_BYTES)
    if sha256(image) != record.preview.sha256:
        raise InvalidRecord(path, ["its image is not the one that was recorded"])
    if image[:4] != b"RIFF" or image[8:12] != b"WEBP":
        raise InvalidRecord(path, ["its image is not WebP"])
    return image
