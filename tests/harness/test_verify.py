"""Records that a re-run confirms, and records that it doesn't."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import forge

from ganqbench.errors import UserError
from ganqbench.harness import verify
from ganqbench.harness.interruption import Stopped
from ganqbench.harness.record_suite import kept_suite
from ganqbench.records.compare import differences
from ganqbench.records.rerun import read_rerun
from ganqbench.records.spot_check import spot_differences
from ganqbench.records.store import read

Command = Callable[..., subprocess.CompletedProcess[str]]
HONEST = "faults-v0/cyclegan-edges2emoji/faulty.honest.W8A8.s0.json"


@pytest.fixture
def measured(measured_once: Path, tmp_path: Path) -> Path:
    """A results folder of one's own anywhere, with the suite beside its records."""
    return Path(shutil.copytree(measured_once, tmp_path / "sent"))


def test_an_honest_record_agrees_and_is_marked_as_run_again(
    measured: Path, command: Command, tmp_path: Path
) -> None:
    done = command("verify", str(measured), "--who", "the tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 agree, 0 differ, 0 not checked" in done.stdout
    assert "agrees: failed again" in done.stdout
    assert "(re-run)" in done.stdout
    note = read_rerun(measured / HONEST)
    assert note is not None
    assert note.who == "the tests"
    assert note.record == read(measured / HONEST).hash
    # Full precision was rendered anew, and not taken from what this machine may have kept of it.
    assert not (tmp_path / "home/baselines").exists()
    assert command("validate", str(measured)).returncode == 0


def test_a_number_that_was_made_up_is_found(measured: Path, command: Command) -> None:
    def better(document: dict[str, Any]) -> None:
        psnr = document["metrics"]["psnr"]
        for part in ("value", "low", "high"):
            psnr[part] += 0.5
        document["tolerance"]["psnr"] = 50.0  # one's own tolerance does not help

    forge(measured / HONEST, better)
    assert command("validate", str(measured)).returncode == 0  # nothing in it is impossible
    done = command("verify", str(measured / HONEST), "--who", "the tests")
    assert done.returncode == 1
    assert "psnr was" in done.stdout
    assert "allowed is 0.1" in done.stdout
    assert "(self-reported)" in done.stdout
    assert read_rerun(measured / HONEST) is None


def test_a_cheap_part_agrees_and_says_what_it_left_out(measured: Path, command: Command) -> None:
    done = command("verify", str(measured), "--inputs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of the first 4 inputs; distances unchecked" in done.stdout  # two batches, as the audit has
    assert "3 agree" in done.stdout
    assert command("verify", str(measured), "--inputs", "1", "--who", "me").returncode == 1


def test_a_cheap_part_finds_another_audit_or_picture(measured: Path, command: Command) -> None:
    def smaller(document: dict[str, Any]) -> None:
        document["audit"]["bytes"] //= 2

    forge(measured / HONEST, smaller)
    done = command("verify", str(measured / HONEST), "--inputs", "1")
    assert done.returncode == 1
    assert "audit.bytes was" in done.stdout


def test_the_mean_of_some_inputs_may_differ_by_chance_and_not_by_more(measured: Path) -> None:
    record = read(measured / HONEST)
    psnr = record.metrics["psnr"].model_copy(update={"value": 30.0, "se": 0.1, "n": 2500, "worst": 20.0})
    whole = record.model_copy(update={"metrics": {"psnr": psnr}})  # one image's deviation is 5

    def found(**change: float) -> list[str]:
        part = psnr.model_copy(update={"n": 100, "se": 0.5, **change})
        again = record.model_copy(update={"metrics": {"psnr": part}})
        return [each.what for each in spot_differences(whole, again)]

    assert found() == []
    assert found(value=32.0) == []
    assert found(value=33.0) == ["psnr of the first 100 inputs"]
    assert found(worst=16.0) == []
    assert found(worst=14.0) == ["psnr.worst"]  # tolerance 0.1, times 50 for one image


def test_what_can_not_be_run_here_is_said_and_not_passed(measured: Path, command: Command) -> None:
    (measured / "faults-v0/suite.toml").unlink()
    done = command("verify", str(measured / HONEST))
    assert done.returncode == 3
    assert "not checked: No suite 'faults' is packaged" in done.stdout


def test_what_was_skipped_elsewhere_and_runs_here_is_not_called_wrong(
    measured: Path, command: Command
) -> None:
    def skipped(document: dict[str, Any]) -> None:
        document |= {"status": "skipped", "reason": "faulty needs a distribution, which is not installed"}

    record = measured / HONEST.replace("honest", "raises")
    forge(record, skipped)
    done = command("verify", str(record))
    assert done.returncode == 3, done.stdout
    assert "not checked: skipped where it was recorded, failed here" in done.stdout


def test_a_signal_says_that_nothing_is_kept(
    measured: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise Stopped(signal.SIGTERM, "3 cells finished and kept.")

    monkeypatch.setattr(verify, "run_plan", stopped)
    done = command("verify", str(measured / HONEST))
    assert done.returncode == 128 + signal.SIGTERM
    assert "Stopped by SIGTERM: cells that are not listed were not compared; none is kept." in done.stderr


def test_a_draw_is_told_and_can_be_repeated(measured: Path, command: Command) -> None:
    (measured / "faults-v0/suite.toml").unlink()  # nothing is run, only drawn
    first = command("verify", str(measured), "--sample", "1")
    drawn = first.stdout.splitlines()[0]
    assert drawn.startswith("1 of 3 records, drawn with --draw ")
    second = command("verify", str(measured), "--sample", "1", "--draw", drawn.split()[-1])
    assert second.stdout == first.stdout


def test_differences_name_what_changed(measured: Path) -> None:
    record = read(measured / HONEST)
    assert not list(differences(record, record))
    failed = read(measured / HONEST.replace("honest", "raises"))
    assert [each.what for each in differences(record, failed)] == ["status"]
    psnr = record.metrics["psnr"]
    moved = {"psnr": psnr.model_copy(update={"worst": (psnr.worst or 0) - 0.19})}
    other = record.model_copy(update={"metrics": moved})
    # One of four images may move by twice what their mean may, 0.1; the other metrics are gone.
    assert [(each.what, each.new) for each in differences(record, other)] == [("mae", None), ("ssim", None)]


def test_diff_shows_what_appeared_vanished_and_changed(
    measured: Path, command: Command, tmp_path: Path
) -> None:
    assert command("diff", "sent", "sent").returncode == 0
    shutil.copytree(measured, tmp_path / "other")

    def worse(document: dict[str, Any]) -> None:
        for part in ("value", "low"):
            document["metrics"]["psnr"][part] -= 0.2
        del document["metrics"]["ssim"]

    forge(tmp_path / "other" / HONEST, worse)
    (tmp_path / "other" / HONEST.replace("honest", "raises")).unlink()
    done = command("diff", "sent", "other")
    assert done.returncode == 1
    assert "1 cells changed, 0 appeared, 1 vanished, 1 the same" in done.stdout
    assert "vanished: faults-v0 cyclegan-edges2emoji faulty.raises.W8A8.s0 (failed)" in done.stdout
    found = json.loads(command("diff", "sent", "other", "--json").stdout)
    (change,) = found["changed"]
    assert {each["what"] for each in change["differences"]} == {"psnr", "psnr.low", "ssim"}
    assert [row["status"] for row in found["vanished"]] == ["failed"]
    back = json.loads(command("diff", "other", "sent", "--json").stdout)
    assert [row["cell"]["method"] for row in back["appeared"]] == ["raises"]
    two = command("diff", f"sent/{HONEST}", f"other/{HONEST}")
    assert two.returncode == 1
    assert "-0.2" in two.stdout


def test_the_file_of_another_suite_is_not_written_over(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / f"{name}.toml").write_text(name)
    folder = tmp_path / "results"
    with kept_suite(str(tmp_path / "one.toml"), folder):
        pass
    assert not folder.exists()  # nothing ran
    with kept_suite(str(tmp_path / "one.toml"), folder):
        folder.mkdir()
    assert (folder / "suite.toml").read_text() == "one"
    with pytest.raises(UserError, match="another suite"), kept_suite(str(tmp_path / "other.toml"), folder):
        pytest.fail("it ran")
    with kept_suite("mini", folder), kept_suite(None, folder):
        pass
    assert [path.name for path in folder.iterdir()] == ["suite.toml"]
