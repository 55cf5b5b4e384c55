"""Suites in a file of the user's: what is refused, the copy that a run keeps, and the recorded command."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from click.testing import CliRunner
from told_executor import Told

from ganqbench.cell import Cell
from ganqbench.cli.main import cli
from ganqbench.errors import UserError
from ganqbench.harness import executor as executors
from ganqbench.harness.executor import Task
from ganqbench.harness.gans import Gans
from ganqbench.harness.process import Outcome
from ganqbench.records.command import command
from ganqbench.records.store import read, record_files
from ganqbench.suite import load_suite


@pytest.fixture
def suite(tmp_path: Path, make_suite: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny suite of this folder under a name of its own."""
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path = make_suite(["brevitas.ptq-minmax"]).rename(tmp_path / "mine.toml")
    path.write_text(path.read_text().replace('name = "faults"', 'name = "mine"'))
    return path


@pytest.mark.parametrize(
    ("line", "other", "named"),
    [
        ('["W8A8"]', '["W8A8", "FP32"]', "cyclegan-edges2emoji has brevitas.ptq-minmax at FP32"),
        ('"brevitas.ptq-minmax"', '"fp32.baseline"', "cyclegan-edges2emoji has fp32.baseline at W8A8"),
    ],
)
def test_full_precision_is_the_baselines_alone(line: str, other: str, named: str, suite: Path) -> None:
    suite.write_text(suite.read_text().replace(line, other))
    with pytest.raises(UserError, match=named):
        load_suite(str(suite))


def test_the_baseline_may_be_named(suite: Path) -> None:
    suite.write_text(
        suite.read_text().replace('"brevitas.ptq-minmax"', '"fp32.baseline"').replace('["W8A8"]', '["FP32"]')
    )
    assert [cell.label for cell in load_suite(str(suite)).cells()] == ["fp32.baseline.FP32.s0"]


@pytest.mark.parametrize("later", [None, "name = 'another'"])
def test_the_copy_is_of_the_file_that_was_run_and_there_before_the_first_cell(
    later: str | None, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = suite.parent / "results/mine-v0/suite.toml"
    seen: list[str] = []
    first = suite.read_text()

    class Meddling(Told):
        """Somebody edits the file, or deletes it, while cells run."""

        def submit(self, task: Task) -> Future[Outcome]:
            seen.append(copy.read_text())
            if later is not None:
                suite.write_text(later)
            else:
                suite.unlink(missing_ok=True)
            return super().submit(task)

    monkeypatch.setattr(executors, "LocalExecutor", lambda jobs: Meddling())
    done = CliRunner().invoke(cli, ["run", "--suite", "mine.toml"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert seen == [first, first]
    assert copy.read_text() == first


def test_who_edits_the_copy_itself_keeps_the_edit(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = suite.parent / "results/mine-v0/suite.toml"
    copy.parent.mkdir(parents=True)
    suite.rename(copy)

    class Editing(Told):
        def submit(self, task: Task) -> Future[Outcome]:
            copy.write_text(copy.read_text() + "# for the next time")
            return super().submit(task)

    monkeypatch.setattr(executors, "LocalExecutor", lambda jobs: Editing())
    done = CliRunner().invoke(cli, ["run", "--suite", str(copy)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert copy.read_text().endswith("# for the next time")


def test_a_dry_run_leaves_no_copy(suite: Path) -> None:
    folder = suite.parent / "results/mine-v0"
    folder.mkdir(parents=True)
    assert CliRunner().invoke(cli, ["run", "--suite", "mine.toml", "--dry-run"]).exit_code == 0
    assert not list(folder.iterdir())


def test_the_recorded_command_leads_to_the_copy(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "LocalExecutor", lambda jobs: Told())
    done = CliRunner().invoke(cli, ["run", "--suite", "mine.toml"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    suite.unlink()
    for record in map(read, record_files(suite.parent / "results")):
        words = shlex.split(record.provenance.command)
        assert record.provenance.command == command(record.cell)
        again = CliRunner().invoke(cli, [*words[1:], "--dry-run"], catch_exceptions=False)
        assert again.exit_code == 0, again.output
        assert "0 cells to run" in again.stdout


def test_the_command_of_a_packaged_suite_and_of_a_checkpoint() -> None:
    cell = Cell.model_validate(
        {
            **{"suite": "mini", "suite_version": 7, "gan": "sagan-cifar10", "adapter": "ganq"},
            **{"method": "qat", "recipe": "distill", "bits": "W4A8", "seed": 2},
        }
    )
    rest = "--gan sagan-cifar10 --adapter ganq --method qat --recipe distill --bits W4A8 --seed 2"
    assert command(cell) == f"ganqbench run --suite mini {rest}"
    assert command(cell, Gans().options) == command(cell)
    own = cell.model_copy(update={"suite": "own"})
    assert command(own) == f"ganqbench run --checkpoint FILE {rest}"
    gans = Gans(Path("folder/my g.pkl"), "stylegan2-ada", "claim")
    options = "--suite claim --checkpoint 'my g.pkl' --arch stylegan2-ada"
    assert command(own, gans.options) == f"ganqbench run {options} {rest}"
