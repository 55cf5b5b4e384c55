"""A record whose image is lost or changed is no result: its cell is run again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ganqbench.records.store import preview_path, read
from ganqbench.records.validate import validate

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.usefixtures("full_precision_there")
def test_a_lost_image_is_made_again(
    make_suite: Callable[..., Path], command: Command, tmp_path: Path
) -> None:
    run = ("run", "--suite", str(make_suite(["faulty.marked"])))
    assert command(*run).returncode == 0
    (path,) = (tmp_path / "results").rglob("faulty.marked.*.json")
    first = read(path)
    for damage in (Path.unlink, lambda image: image.write_bytes(b"another picture")):
        damage(preview_path(path))
        assert validate(tmp_path / "results").faults
        done = command(*run)
        assert done.returncode == 0, done.stderr
        assert not validate(tmp_path / "results").faults
        assert read(path).preview == first.preview
    assert command(*run).returncode == 0
    assert (tmp_path / "marks").read_text() == "0\n" * 3
