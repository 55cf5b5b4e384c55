"""What happens to runs: signals, kills, a second run over the same folder, a cell that always dies.

In the stress session (GANQBENCH_STRESS) a run takes 100 random kills, here a few.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import records, until

from ganqbench.records.store import read, record_files
from ganqbench.records.validate import validate

Command = Callable[..., subprocess.CompletedProcess[str]]
MakeSuite = Callable[..., Path]
Start = Callable[..., subprocess.Popen[str]]

KILLS, CELLS, PAUSE_S = (100, 24, 5.0) if os.environ.get("GANQBENCH_STRESS") else (3, 3, 1.0)

FIGURES = os.environ.get("GANQBENCH_FIGURES")
"""Where the stress session wants to read what was counted."""


@pytest.fixture
def start(tmp_path: Path, plugin_environment: dict[str, str]) -> Start:
    """Start a run and go on."""

    def begin(suite: Path, sleep: float = 0, jobs: int = 2) -> subprocess.Popen[str]:
        # Tests that are run in the background ignore SIGINT, and what they start would, too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "ganqbench", "run", "--suite", str(suite), "--jobs", str(jobs)],
                cwd=tmp_path,
                env={**plugin_environment, "FAULTY_SLEEP": str(sleep)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)

    return begin


def children(pid: int) -> list[int]:
    """Processes that `pid` started and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == pid and state != "Z":
                found.append(int(entry.name))
    return found


def test_a_signal_ends_a_run_cleanly_and_the_same_command_goes_on(
    make_suite: MakeSuite, start: Start, command: Command, tmp_path: Path
) -> None:
    suite, marks = make_suite(["faulty.marked"], seeds=range(2)), tmp_path / "marks"
    for number, finished in ((signal.SIGTERM, 1), (signal.SIGINT, 0)):
        driver = start(suite, sleep=600)
        until(lambda: marks.is_file() and len(records(tmp_path / "results")) == 1)  # the baseline
        cells = children(driver.pid)
        assert cells
        driver.send_signal(number)
        _, errors = driver.communicate(timeout=60)
        assert driver.returncode == 128 + number
        assert f"Stopped by {number.name}: {finished} cells finished and kept, 2 left" in errors
        assert "The same command goes on" in errors
        assert "Traceback" not in errors
        assert not any(Path(f"/proc/{pid}").exists() for pid in cells)
        assert not validate(tmp_path / "results").faults
        marks.unlink()
    again = command("run", "--suite", str(suite))
    assert again.returncode == 0, again.stderr
    assert "2 cells to run" in again.stdout
    assert len(records(tmp_path / "results")) == 3


@pytest.mark.usefixtures("full_precision_there")
def test_two_runs_over_one_folder_share_the_work(make_suite: MakeSuite, start: Start, tmp_path: Path) -> None:
    suite = make_suite(["faulty.marked"], seeds=range(3))
    runs = [start(suite, sleep=1, jobs=1) for _ in range(2)]
    for each in runs:
        _, errors = each.communicate(timeout=280)
        assert each.returncode == 0, errors
    assert sorted((tmp_path / "marks").read_text().split()) == ["0", "1", "2"]  # each once
    assert {record.status for record in records(tmp_path / "results").values()} == {"ok"}
    assert not validate(tmp_path / "results").faults


@pytest.mark.usefixtures("full_precision_there")
def test_a_cell_whose_process_died_is_tried_again(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    done = command("run", "--suite", str(make_suite(["faulty.flaky"])))
    assert done.returncode == 0, done.stderr
    (record,) = (found for label, found in records(tmp_path / "results").items() if "flaky" in label)
    assert record.status == "ok"
    assert record.cost.attempts == 2


@pytest.mark.usefixtures("full_precision_there")
def test_a_poisoned_cell_is_given_up_and_recorded(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    suite = make_suite(["faulty.killed", "faulty.honest"])
    done = command("run", "--suite", str(suite), "--retries", "2")
    assert done.returncode == 1
    found = records(tmp_path / "results")
    poisoned = found["faulty.killed.W8A8.s0"]
    assert poisoned.status == "failed"
    assert poisoned.cost.attempts == 3
    assert "Given up after 3 attempts" in (poisoned.reason or "")
    assert found["faulty.honest.W8A8.s0"].status == "ok"


@pytest.mark.usefixtures("full_precision_there")
def test_random_kills_lose_and_double_nothing(
    make_suite: MakeSuite, start: Start, command: Command, tmp_path: Path
) -> None:
    suite, results = make_suite(["faulty.marked"], seeds=range(CELLS)), tmp_path / "results"
    rng, kills = random.Random(0), 0
    finished: dict[Path, bytes] = {}
    while kills < KILLS:
        driver = start(suite)
        until_at_work(driver, results)
        while driver.poll() is None and kills < KILLS:
            time.sleep(rng.uniform(0, PAUSE_S))
            check(results, finished)
            assert finished  # which the kill could lose
            cells = children(driver.pid)
            victim = rng.choice([driver.pid, *cells])
            if driver.poll() is None:
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                kills += 1
                if victim == driver.pid:
                    driver.wait()
            check(results, finished)
        if driver.poll() is None:
            os.kill(driver.pid, signal.SIGKILL)
        driver.communicate()
        if len(finished) == CELLS + 1:  # all is done: the rest of the kills hit another run
            for path in finished:
                path.unlink()
            finished.clear()
    last = command("run", "--suite", str(suite), "--jobs", "2")
    assert last.returncode == 0, last.stderr
    check(results, finished)
    assert len(finished) == CELLS + 1
    assert not list(results.rglob(".tmp-*"))
    assert not validate(results).faults
    if FIGURES:
        Path(FIGURES).write_text(json.dumps({"kills": kills, "cells": CELLS}), encoding="utf-8")


def until_at_work(driver: subprocess.Popen[str], results: Path) -> None:
    """Wait until there is a record and the run has cells, or the run has ended."""
    until(lambda: driver.poll() is not None or (any(record_files(results)) and bool(children(driver.pid))))


def check(results: Path, finished: dict[Path, bytes]) -> None:
    """No finished record is gone or changed, and whatever lies there is valid; enters new ones."""
    for path, content in finished.items():
        assert path.read_bytes() == content
    for path in record_files(results):
        if path not in finished:
            record = read(path)
            if record.status == "ok":
                finished[path] = path.read_bytes()
    assert len({record.cell for record in map(read, finished)}) == len(finished)
