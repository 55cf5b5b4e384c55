"""The note beside a record comes from a stranger: whatever lies there, it costs one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from record_factory import PREVIEW, document

from ganqbench.records import rerun
from ganqbench.records.rerun import MAX_BYTES, label, make_rerun, read_rerun, rerun_path, write_rerun
from ganqbench.records.store import read, seal, write
from ganqbench.records.validate import validate

SECRET = "a line of another file"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A valid record's file."""
    return write(seal(document()), PREVIEW, tmp_path / "results")


def link(note: Path) -> None:
    elsewhere = note.parents[3] / "elsewhere"
    elsewhere.write_text(SECRET)
    note.symlink_to(elsewhere)


def other_form(note: Path) -> None:
    note.write_text(json.dumps({"schema": 1, SECRET: SECRET}))


@pytest.mark.parametrize(
    ("leave", "words"),
    [
        (link, "is a link or no ordinary file"),
        (os.mkfifo, "is a link or no ordinary file"),
        (Path.mkdir, "is a link or no ordinary file"),
        (lambda note: note.write_bytes(b" " * (MAX_BYTES + 1)), f"is over {MAX_BYTES} bytes long"),
        (lambda note: note.write_bytes(b"[" * 100_000), "can't be read: it is none that"),
        (lambda note: note.write_bytes(b"\xff"), "can't be read: it is none that"),
        (lambda note: note.write_text(SECRET), "can't be read: it is none that"),
        (other_form, "can't be read: it is none that"),
    ],
)
def test_what_is_no_note_is_one_fault(leave: Any, words: str, path: Path) -> None:
    leave(rerun_path(path))
    (fault,) = validate(path.parents[2]).faults
    assert fault.path == path
    assert fault.what.startswith(f"its note {rerun_path(path).name} {words}")
    assert SECRET not in fault.what
    assert label(path, read(path)) == "self-reported"


def test_a_note_that_can_not_be_read_is_one_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(rerun, "read_bounded", refused)
    (fault,) = validate(path.parents[2]).faults
    assert fault.what == f"its note {rerun_path(path).name} can't be read: Permission denied"
    assert label(path, read(path)) == "self-reported"


def test_a_note_is_read_as_it_was_written(path: Path) -> None:
    assert read_rerun(path) is None
    note = make_rerun(read(path), read(path), "somebody")
    write_rerun(note, path)
    assert read_rerun(path) == note
    assert sorted(file.suffix for file in path.parent.iterdir()) == [".json", ".json", ".webp"]
    assert not validate(path.parents[2]).faults
