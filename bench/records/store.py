"""Reading and writing record files; a crash at any instant leaves no half-written file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ganqbench.records.bounds import metric_faults
from ganqbench.records.canonical import canonical, content_hash, sha256
from ganqbench.records.schema import Record

MAX_BYTES = 2_000_000
MAX_PREVIEW_BYTES = 160_000
TEMPORARY = ".tmp-"


class InvalidRecord(Exception):
    """A file that is not a record of this project; `faults` explains why, one sentence each."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        super().__init__(f"{path}: {'; '.join(faults)}")
        self.path = path
        self.faults = faults


def seal(document: dict[str, Any]) -> Record:
    """A validated record from a document without its hash."""
    draft = Record.model_validate_json(canonical({**document, "hash": "sha256:" + "0" * 64}))
    # The hash covers what is written, defaults included.
    full = draft.model_dump(mode="json", by_alias=True)
    return Record.model_validate_json(canonical({**full, "hash": content_hash(full)}))


def parse(data: bytes, path: Path) -> Record:
    """A record from bytes; raises InvalidRecord with every fault found."""
    if len(data) > MAX_BYTES:
        raise InvalidRecord(path, [f"is {len(data)} bytes long; records have at most {MAX_BYTES}"])
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidRecord(path, [f"is not JSON ({error}); it may be truncated"]) from error
    if not isinstance(document, dict) or "schema" not in document:
        raise InvalidRecord(path, ["is JSON but not a record: it has no `schema`"])
    if document["schema"] != 1:
        raise InvalidRecord(path, [f"has schema {document['schema']!r}; this version reads 1"])
    try:
        record = Record.model_validate_json(data)
    except ValidationError as error:
        raise InvalidRecord(path, [_sentence(fault) for fault in error.errors()]) from error
    except (ValueError, RecursionError) as error:
        raise InvalidRecord(path, [str(error)]) from error
    faults = list(metric_faults(record.metrics))
    try:
        found = content_hash(document)
    except ValueError as error:
        faults.append(str(error))
    else:
        if found != record.hash:
            faults.append(f"hash: the content hashes to {found}, the file says {record.hash}")
    if faults:
        raise InvalidRecord(path, faults)
    return record


def _sentence(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "record"
    return f"{where}: {fault['msg']}"


def read(path: Path) -> Record:
    """The record in a file; raises InvalidRecord, or OSError if it can't be read."""
    if path.stat().st_size > MAX_BYTES:
        raise InvalidRecord(path, [f"is over {MAX_BYTES} bytes long"])
    return parse(path.read_bytes(), path)


def record_files(results: Path) -> Iterator[Path]:
    """Every JSON file below a results folder, in a fixed order."""
    return iter(sorted(path for path in results.rglob("*.json") if not path.name.startswith(TEMPORARY)))


def preview_path(path: Path) -> Path:
    """Where the image that belongs to a record file lies."""
    return path.with_name(path.name.removesuffix(".json") + ".webp")


def write(record: Record, preview: bytes | None, results: Path) -> Path:
    """Put a record and its preview in place and return the record's path.

    Both are complete on disk before either name changes. The old record goes first, so at no
    instant does a record stand beside an image that is not its own.
    """
    path = results / record.cell.path
    path.parent.mkdir(parents=True, exist_ok=True)
    body = canonical(record.model_dump(mode="json", by_alias=True)) + b"\n"
    new_record = _temporary(path, body)
    image = preview_path(path)
    if preview is not None:
        if record.preview is None or record.preview.sha256 != sha256(preview):
            raise ValueError("the preview is not the one that the record names")
        new_image = _temporary(image, preview)
        path.unlink(missing_ok=True)
        os.replace(new_image, image)
        os.replace(new_record, path)
    else:
        os.replace(new_record, path)
        image.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return path


def clean(results: Path) -> None:
    """Remove what an interrupted write left behind."""
    for path in results.rglob(f"{TEMPORARY}*"):
        path.unlink(missing_ok=True)


def _temporary(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
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
