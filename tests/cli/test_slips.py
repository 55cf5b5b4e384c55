"""Slips that would cost a file or hours: told in a sentence, before any work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner
from committed import RESULTS, newest

from ganqbench.cli.deploy import deploy
from ganqbench.cli.export import export
from ganqbench.cli.reference import build
from ganqbench.cli.run import run
from ganqbench.cli.seeds import seeds
from ganqbench.cli.verify import verify
from ganqbench.errors import UserError
from ganqbench.harness import export_cell
from ganqbench.harness.record_suite import check_protocol
from ganqbench.records.store import preview_path
from ganqbench.suite import load_suite

RECORD = newest("mini") / "sagan-cifar10/ganq.even.W8A8.s0.json"


def told(command: Command, *arguments: str) -> str:
    """What a command that fails says."""
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code != 0
    return str(done.exception) if isinstance(done.exception, UserError) else done.output


@pytest.fixture
def record(tmp_path: Path) -> Path:
    place = tmp_path / RECORD.relative_to(RESULTS)
    place.parent.mkdir(parents=True)
    for file in (RECORD, preview_path(RECORD)):
        shutil.copy(file, place.parent)
    return place


def test_an_export_overwrites_neither_the_record_nor_the_checkpoint(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_cell, "export_cell", pytest.fail)
    monkeypatch.setattr("ganqbench.harness.deploy_part.check_current", lambda *_: None)
    before = record.read_bytes()
    (tmp_path / "same.json").symlink_to(record)
    for out in (record, tmp_path / "same.json"):
        assert "would be overwritten" in told(export, str(record), "--out", str(out))
    assert record.read_bytes() == before
    ours = tmp_path / "my.safetensors"
    ours.write_bytes(b"weights")
    name = "mini/sagan-cifar10/ganq.even.W8A8.s0"
    assert "would be overwritten" in told(export, name, "--checkpoint", str(ours), "--out", str(ours))
    assert ours.read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (deploy, [str(RECORD), "--threads", "100000"], "cores for 100000 threads"),
        (verify, [str(RECORD), "--draw", "7"], "--draw is the seed of a sample"),
        (run, ["--results", str(RECORD.parents[1]), "--dry-run"], "is the folder of one suite"),
        (seeds, ["/"], "There is no record in"),
        (build, ["--dataset", "cifar10", "--out", "/proc/new/r.safetensors"], "can't be written"),
    ],
)
def test_what_can_not_be_meant_is_told_first(
    command: Command, arguments: list[str], words: str, tmp_path: Path
) -> None:
    arguments = [str(tmp_path) if word == "/" else word for word in arguments]
    assert words in told(command, *arguments)


def test_deploying_a_failed_cell_says_so_first(record: Path) -> None:
    failed = newest("standard") / "sagan-cifar10/openvino.ptq-minmax.W8A8.s0.json"
    assert "W8A8.s0 is failed: " in told(deploy, str(failed))
    several = told(deploy, str(failed), str(record.with_name("none.json")))
    assert f"{failed}: Error: The cell of" in several
    assert f"{record.with_name('none.json')}: Error: There is no file" in several


def test_records_of_two_suites_on_one_checkpoint_are_kept_apart(record: Path, tmp_path: Path) -> None:
    folder = tmp_path / newest("mini").name
    check_protocol(folder, load_suite("mini"))
    with pytest.raises(UserError, match="was measured by another suite") as told:
        check_protocol(folder, load_suite("claim"))
    assert "another folder with --results" in told.value.remedy
    record.write_text("{}")
    check_protocol(folder, load_suite("claim"))  # what is no record, the run itself refuses
