"""Reading and writing record files; a crash at any instant leaves no half-written file."""

from __future__ import annotations

import glob
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from ganqbench.records.bounds import metric_faults
from ganqbench.records.canonical import canonical, content_hash, sha256
from ganqbench.records.migrations import upgrade
from ganqbench.records.rules import rule_faults
from ganqbench.records.schema import Record
from ganqbench.records.text import sentence

MAX_BYTES = 2_000_000
MAX_PREVIEW_BYTES = 160_000
TEMPORARY = ".tmp-"
RERUN = ".rerun.json"
"""Ending of the note beside a record that its cell was run again, see `rerun`."""


Stamp = tuple[int, int, int] | None


class InvalidRecord(Exception):
    """A file that is not a record of this project; `faults` explains why, one sentence each."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        super().__init__(f"{path}: {'; '.join(faults)}")
        self.path = path
        self.faults = faults


def seal(document: dict[str, Any]) -> Record:
    """A record of the present schema from a document without its hash; ValueError if it has no such form."""
    present = upgrade(document)
    draft = Record.model_validate_json(canonical({**present, "hash": "sha256:" + "0" * 64}))
    # The hash covers what is written, defaults included.
    full = draft.model_dump(mode="json", by_alias=True)
    return Record.model_validate_json(canonical({**full, "hash": content_hash(full)}))


def parse(data: bytes, path: Path) -> Record:
    """A record from bytes, of any schema so far; raises InvalidRecord with every fault found.

    Its `hash` is that of the document as it stands in the file.
    """
    if len(data) > MAX_BYTES:
        raise InvalidRecord(path, [f"is {len(data)} bytes long; records have at most {MAX_BYTES}"])
    try:
        document = json.loads(data, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise InvalidRecord(path, [f"is not JSON ({error}); it may be truncated"]) from error
    if not isinstance(document, dict) or "schema" not in document:
        raise InvalidRecord(path, ["is JSON but not a record: it has no `schema`"])
    try:
        found = content_hash(document)
        present = upgrade(document)
        record = Record.model_validate_json(data if present is document else json.dumps(present))
    except ValidationError as error:
        raise InvalidRecord(path, [sentence(fault) for fault in error.errors()]) from error
    except TypeError as error:  # of reading the width, before pydantic looks at its type
        raise InvalidRecord(path, [f"cell.bits: must be a text such as W4A8 ({error})"]) from error
    except (ValueError, RecursionError) as error:
        raise InvalidRecord(path, [str(error)]) from error
    faults = list(content_faults(record))
    if found != record.hash:
        faults.append(f"hash: the content hashes to {found}, the file says {record.hash}")
    if faults:
        raise InvalidRecord(path, faults)
    return record


def content_faults(record: Record) -> Iterator[str]:
    """What is impossible in a record of the right form."""
    yield from metric_faults(record.metrics)
    yield from rule_faults(record)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two values of one name, two readers might take different ones."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def read(path: Path) -> Record:
    """The record in a file; raises InvalidRecord, or OSError if it can't be read."""
    return parse(read_bounded(path, MAX_BYTES), path)


def read_bounded(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes of an ordinary file; InvalidRecord for a link, a pipe or a device.

    A link in a results folder would let its author have any file of this machine read.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise InvalidRecord(path, ["is a link or no ordinary file"])
    with path.open("rb") as file:
        return file.read(limit + 1)


def stamp(path: Path) -> Stamp:
    """What changes when the file at `path` is replaced, without reading it or a clock; None for no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def record_files(results: Path) -> Iterator[Path]:
    """Every JSON file below a results folder that should be a record, in a fixed order.

    Raises OSError for a folder that can't be read: its records must not count as none.
    """
    if not results.is_dir():
        return iter(())
    return iter(
        sorted(
            Path(folder, name)
            for folder, _, names in os.walk(results, onerror=_refuse)
            for name in names
            if name.endswith(".json") and not name.startswith(TEMPORARY) and not name.endswith(RERUN)
        )
    )


def _refuse(error: OSError) -> NoReturn:
    raise error


def preview_path(path: Path) -> Path:
    """Where the image that belongs to a record file lies."""
    return path.with_name(path.name.removesuffix(".json") + ".webp")


def write(record: Record, preview: bytes | None, results: Path) -> Path:
    """Put a record and its preview in place and return the record's path.

    Both are complete on disk before either name changes. An old record with another image goes first, so
    at no instant does a record stand beside an image that is not its own.
    """
    if preview is not None and (record.preview is None or record.preview.sha256 != sha256(preview)):
        raise ValueError("the preview is not the one that the record names")
    path = results / record.cell.path
    path.parent.mkdir(parents=True, exist_ok=True)
    body = canonical(record.model_dump(mode="json", by_alias=True)) + b"\n"
    new_record = _temporary(path, body)
    image = preview_path(path)
    if preview is not None and not _holds(image, preview):
        try:
            new_image = _temporary(image, preview)
        except OSError:
            new_record.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)
        os.replace(new_image, image)
    os.replace(new_record, path)
    if preview is None:
        image.unlink(missing_ok=True)
    path.with_name(path.name.removesuffix(".json") + RERUN).unlink(missing_ok=True)
    _sync_folder(path.parent)
    return path


def _holds(path: Path, data: bytes) -> bool:
    """Whether an ordinary file of this content lies at `path`."""
    try:
        return read_bounded(path, len(data)) == data
    except (InvalidRecord, OSError):
        return False


def put(path: Path, data: bytes) -> None:
    """Put a file in place that is no record: it is there whole or as it was, and nothing else is left."""
    temporary = _temporary(path, data)
    try:
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def clean(path: Path) -> None:
    """Remove what an interrupted write of the record at `path` left; for whoever may write it, no other."""
    for name in (path.name, preview_path(path).name):
        for leftover in path.parent.glob(f"{TEMPORARY}*-{glob.escape(name)}"):
            leftover.unlink(missing_ok=True)


def _temporary(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f"{TEMPORARY}{socket.gethostname()[:40]}-{os.getpid()}-{path.name}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
