"""A command that checks records and finds none must not pass for one that found nothing wrong."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from committed import RESULTS, newest

from ganqbench.cli.diff import diff
from ganqbench.cli.validate import validate
from ganqbench.cli.verify import UNCHECKED, verify
from ganqbench.errors import UserError
from ganqbench.harness import verify as harness
from ganqbench.records.store import preview_path, record_files
from ganqbench.suite import load_suite

NEWEST = newest("mini").name


def one_of(version: str, folder: Path) -> Path:
    """A results folder with one committed record."""
    record = next(record_files(RESULTS / version))
    place = folder / record.relative_to(RESULTS)
    place.parent.mkdir(parents=True)
    for file in (record, preview_path(record)):
        shutil.copy(file, place.parent)
    return folder


def said(done: Result) -> str:
    """The words of the UserError that a command ended in."""
    assert isinstance(done.exception, UserError), done.output
    return str(done.exception)


@pytest.mark.parametrize("tool", [validate, verify, diff])
def test_a_folder_without_records_is_an_error(tool: Any, tmp_path: Path) -> None:
    full, empty = one_of(NEWEST, tmp_path / "results"), tmp_path / "empty"
    (empty / NEWEST).mkdir(parents=True)
    (empty / "notes.txt").write_text("no record")
    assert f"There is no record in {empty}. Give" in said(CliRunner().invoke(tool, [str(full), str(empty)]))
    assert f"There is no {tmp_path / 'x'}. Give" in said(
        CliRunner().invoke(tool, [str(full), str(tmp_path / "x")])
    )


def test_without_arguments_an_empty_results_folder_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "There is no results." in said(CliRunner().invoke(validate))
    Path("results").mkdir()
    assert "There is no record in results." in said(CliRunner().invoke(validate))
    one_of(NEWEST, Path("other"))
    shutil.copytree("other", "results", dirs_exist_ok=True)
    assert CliRunner().invoke(validate).exit_code == 0


def test_earlier_versions_alone_are_not_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_suite("mini").version > 3
    monkeypatch.setattr(harness, "run_plan", lambda *_: pytest.fail("it ran"))
    done = CliRunner().invoke(verify, [str(one_of("mini-v3", tmp_path / "results"))])
    assert done.exit_code == UNCHECKED, done.output
    assert "1 records of earlier suite versions are left out." in done.output


@pytest.mark.parametrize("who", ["", "  ", "x" * 201, "two\nlines", "\udcff"])
def test_a_name_that_no_note_can_hold_is_told_before_anything_runs(
    who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "verify", lambda *_, **__: pytest.fail("it ran"))
    results = one_of(NEWEST, tmp_path / "results")
    done = CliRunner().invoke(verify, [str(results), "--who", who])
    assert "Give --who a name of 1 to 200 characters" in said(done)
    said(done).encode()


def test_a_name_of_any_language_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "verify", lambda *_, **__: iter(()))
    results = one_of(NEWEST, tmp_path / "results")
    assert CliRunner().invoke(verify, [str(results), "--who", "Zoë 李" * 40]).exit_code == 0
