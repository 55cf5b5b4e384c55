"""Records that are verified together: none ends the others, and nothing checked is no success."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganqbench.errors import UserError
from ganqbench.harness import verify as module
from ganqbench.harness.gans import ZOO
from ganqbench.records.rerun import rerun_path
from ganqbench.records.schema import Record
from ganqbench.records.store import preview_path, read, record_files, seal, write

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def measured(measured_once: Path, tmp_path: Path) -> Path:
    """A results folder of one's own with the suite beside its records."""
    return Path(shutil.copytree(measured_once, tmp_path / "sent"))


def find(results: Path, name: str) -> Path:
    (path,) = results.rglob(f"faulty.{name}.*.json")
    return path


def rewritten(path: Path, results: Path, **changes: Any) -> Path:
    """The record at `path` once more, with other fields."""
    document = read(path).model_dump(mode="json", by_alias=True, exclude={"hash"})
    record = seal({**document, **changes})
    image = None if record.preview is None else preview_path(path).read_bytes()
    return write(record, image, results)


def test_a_failure_for_another_reason_gets_no_note(measured: Path, command: Command) -> None:
    path = rewritten(find(measured, "raises"), measured, reason="Stopped at the time limit of 900 s.")
    done = command("verify", str(path), "--who", "the tests")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "status was failed (Stopped at" in done.stdout
    assert "and is failed (RuntimeError during quantize" in done.stdout
    assert not rerun_path(path).exists()


def test_an_adapter_that_is_not_installed_leaves_the_others(measured: Path, command: Command) -> None:
    path = find(measured, "raises")
    suite = measured / "faults-v0/suite.toml"
    suite.write_text(suite.read_text().replace('"faulty.raises"', '"nobody.raises"'))
    cell = read(path).cell.model_dump(mode="json") | {"adapter": "nobody"}
    stray = rewritten(path, measured, cell=cell)
    path.unlink()
    done = command("verify", str(measured), "--inputs", "1")
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"{stray} (self-reported): not checked: There is no adapter named 'nobody'" in done.stdout
    assert "2 agree, 0 differ, 1 not checked" in done.stdout


def test_weights_that_can_not_be_had_are_asked_for_once(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refusing(*arguments: Any) -> None:
        asked.append(arguments)
        raise UserError("The weights are on another planet.", "Fetch them.")

    monkeypatch.setattr(module, "_load", refusing)
    monkeypatch.setattr(module, "run_plan", lambda plan, *_: pytest.fail("it ran") if plan.todo else None)
    records: list[tuple[Path, Record]] = [(path, read(path)) for path in record_files(measured)]
    verdicts = list(module.verify(records, tmp_path / "work", 1, ZOO))
    assert len(asked) == 1
    assert [verdict.reason for verdict in verdicts] == ["The weights are on another planet. Fetch them."] * 3
    assert not any(verdict.agrees for verdict in verdicts)
