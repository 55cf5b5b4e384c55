"""One record for whatever a cell does, and the rest goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import records, until

from ganqbench.records.store import read, record_files
from ganqbench.records.validate import validate

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]
MakeSuite = Callable[..., Path]


def of_photographs(suite: Path) -> Path:
    """Tiny cells of the full-size generator, whose weights another package ships and which takes any size."""
    text = suite.read_text().replace("cyclegan-edges2emoji", "cyclegan-vintagify")
    suite.write_text(text.replace("resolution = 64", "resolution = 32"))
    return suite


@pytest.fixture
def faulty_run(full_precision_there: None, make_suite: MakeSuite, command: Command) -> Done:
    names = ["honest", "fp32", "none", "nan", "shape", "raises", "exits", "killed"]
    suite = make_suite([f"faulty.{name}" for name in names] + ["absent.ptq"])
    return command("run", "--suite", str(suite), "--jobs", "2")


def test_each_fault_is_one_record_and_the_rest_goes_on(faulty_run: Done, tmp_path: Path) -> None:
    found = records(tmp_path / "results")
    status = {label.split(".")[1]: record.status for label, record in found.items()}
    reason = {label.split(".")[1]: record.reason or "" for label, record in found.items()}
    assert faulty_run.returncode == 1, faulty_run.stderr
    assert status == {
        **dict.fromkeys(["fp32", "none", "nan", "shape", "raises", "exits", "killed"], "failed"),
        "honest": "ok",
        "baseline": "ok",
        "ptq": "skipped",
    }
    assert "0.0% of the MACs" in reason["fp32"]
    # A drawing has at most 256 shades: the first layer's input is on a grid of its own, no other's is.
    assert "model.1 (W32A8)" in reason["fp32"]
    audit = found["fp32.baseline.FP32.s0"].audit
    assert audit is not None
    first, *others = [(op.weight_levels, op.activation_levels) for op in audit.ops]
    assert (first, set(others)) == ((None, 256), {(None, None)})
    assert "NoneType" in reason["none"]
    assert "NaN" in reason["nan"]
    assert "(2, 12288)" in reason["shape"]
    assert "the backend <b>broke</b>" in reason["raises"]
    assert "exited with 7" in reason["exits"]
    assert "SIGKILL" in reason["killed"]
    assert "pip install a-distribution-that-nobody-has" in reason["ptq"]
    assert not validate(tmp_path / "results").faults
    assert "the backend <b>broke</b>" in faulty_run.stderr


@pytest.mark.usefixtures("full_precision_there")
def test_a_cell_that_hangs_is_ended_at_its_time_limit(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    done = command("run", "--suite", str(make_suite(["faulty.hangs"], limit=10)))
    assert done.returncode == 1, done.stderr
    hung = records(tmp_path / "results")["faulty.hangs.W8A8.s0"]
    assert hung.status == "failed"
    assert "time limit" in (hung.reason or "")
    assert not validate(tmp_path / "results").faults


@pytest.mark.usefixtures("full_precision_there")
def test_who_behaves_for_the_audit_alone_is_found_out(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    # The audit makes six calls, and the first evaluated batch is compared with the audit's.
    names = ["turncoat", "returns", "patches"]
    suite = make_suite([f"faulty.{name}" for name in names], limit=1200)  # on a busy machine, too
    done = command("run", "--suite", str(suite))
    assert done.returncode == 1
    found = records(tmp_path / "results")
    reason = {label.split(".")[1]: record.reason or "" for label, record in found.items()}
    assert "Audited again after the evaluation: Only 0.0% of the MACs" in reason["turncoat"]
    assert "other images after the evaluation than in it" in reason["returns"]
    assert "functions or classes that are not its own" in reason["patches"]


def test_two_runs_of_a_cell_are_bit_identical(measured_once: Path, command: Command, tmp_path: Path) -> None:
    suite = measured_once / "faults-v0/suite.toml"
    again = command("run", "--suite", str(suite), "--method", "honest", "--results", "again")
    assert again.returncode == 0, again.stderr
    found, before = records(tmp_path / "again"), records(measured_once)
    assert len(found) == 2
    for label, record in found.items():
        assert record.metrics == before[label].metrics
        assert record.audit == before[label].audit
        assert record.preview == before[label].preview
        assert record.provenance.baseline_images == before[label].provenance.baseline_images


@pytest.mark.usefixtures("full_precision_there")
def test_a_killed_run_resumes_and_runs_no_finished_cell_again(
    make_suite: MakeSuite, plugin_environment: dict[str, str], command: Command, tmp_path: Path
) -> None:
    suite = make_suite(["faulty.marked"], seeds=range(2))
    driver = subprocess.Popen(
        [sys.executable, "-m", "ganqbench", "run", "--suite", str(suite), "--jobs", "1"],
        cwd=tmp_path,
        env={**plugin_environment, "FAULTY_SLEEP": "1"},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    results, marks = tmp_path / "results", tmp_path / "marks"
    try:
        until(lambda: any(results.rglob("faulty.marked*.json")))
    finally:
        driver.kill()
        driver.wait()
    finished = {path: path.read_bytes() for path in record_files(results)}
    assert len(finished) >= 2
    assert not validate(results).faults
    done = {str(read(path).cell.seed) for path in finished if "marked" in path.name}
    marks.unlink()

    again = command("run", "--suite", str(suite), "--jobs", "2")
    assert again.returncode == 0, again.stderr
    assert set(marks.read_text().split()) == {"0", "1"} - done
    assert all(path.read_bytes() == content for path, content in finished.items())
    assert not validate(results).faults
    assert len(list(record_files(results))) == 3
    assert not list(results.rglob(".tmp-*"))


@pytest.mark.parametrize("content", ['{"schema": 1, "status":', '{"name": "foreign"}', "<html>", ""])
def test_an_unreadable_record_stops_the_run_and_is_not_overwritten(
    content: str, make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    suite = make_suite(["faulty.honest"])
    place = tmp_path / "results/faults-v0/cyclegan-edges2emoji/faulty.honest.W8A8.s0.json"
    place.parent.mkdir(parents=True)
    place.write_text(content)
    done = command("run", "--suite", str(suite))
    assert done.returncode == 1
    assert place.name in done.stderr
    assert "ganqbench validate" in done.stderr
    assert "Traceback" not in done.stderr
    assert place.read_text() == content
    assert command("validate").returncode == 1


@pytest.mark.usefixtures("full_precision_there")
def test_records_of_another_machine_are_current_unless_own_ones_are_asked_for(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    suite = make_suite(["faulty.marked"])
    assert command("run", "--suite", str(suite)).returncode == 0
    assert "2 current" in command("run", "--suite", str(suite), "--here").stdout
    (tmp_path / "home/records-made-here.txt").unlink()  # as on another machine
    assert "2 current" in command("run", "--suite", str(suite)).stdout
    assert (tmp_path / "marks").read_text().split() == ["0"]
    assert command("run", "--suite", str(suite), "--here").returncode == 0
    assert (tmp_path / "marks").read_text().split() == ["0", "0"]


def test_altered_weights_stop_the_run_before_any_record_changes(
    make_suite: MakeSuite, process: Command, plugin_environment: dict[str, str], tmp_path: Path
) -> None:
    fake = tmp_path / "fake/vintagify/resources/G_A2B_epoch33.pth"
    fake.parent.mkdir(parents=True)
    (fake.parents[1] / "__init__.py").touch()
    fake.write_bytes(b"<html>not the weights</html>")
    plugin_environment["PYTHONPATH"] += os.pathsep + str(tmp_path / "fake")
    done = process("run", "--suite", str(of_photographs(make_suite(["faulty.honest"]))))
    assert done.returncode == 1
    assert "G_A2B_epoch33.pth" in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_photographs_are_cut_to_the_size_that_the_suite_asks_for(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    suite = of_photographs(make_suite(["faulty.honest"]))
    done = command("run", "--suite", str(suite), "--adapter", "fp32")
    assert done.returncode == 0, done.stderr
    (record,) = records(tmp_path / "results").values()
    assert record.preview is not None
    assert (record.preview.items, record.preview.width, record.preview.height) == (4, 4 * 32, 32)


def test_a_size_that_the_generator_has_not_stops_the_run_before_it_begins(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    suite = make_suite(["faulty.honest"])
    suite.write_text(suite.read_text().replace("resolution = 64", "resolution = 32"))
    for words in (("run",), ("plan",)):
        done = command(*words, "--suite", str(suite))
        assert done.returncode == 1
        assert "cyclegan-edges2emoji works at 64 pixels, not 32" in done.stderr
    assert not (tmp_path / "results").exists()


def test_dry_run_writes_nothing(make_suite: MakeSuite, command: Command, tmp_path: Path) -> None:
    done = command("run", "--suite", str(make_suite(["faulty.honest"])), "--dry-run")
    assert done.returncode == 0
    assert "faulty.honest.W8A8.s0" in done.stdout
    assert "CPU-hours" in done.stdout
    assert not (tmp_path / "results").exists()


def test_the_recorded_command_names_the_cell(measured_once: Path) -> None:
    (path,) = measured_once.rglob("faulty.honest.*.json")
    document = json.loads(path.read_text())
    assert document["provenance"]["command"].endswith(
        "--gan cyclegan-edges2emoji --adapter faulty --method honest --bits W8A8 --seed 0"
    )
