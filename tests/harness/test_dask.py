"""Cells on Dask workers: the same records as without, and what a worker's death costs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ganqbench.records.schema import Record
from ganqbench.records.store import read, record_files
from ganqbench.records.validate import validate

Command = Callable[..., subprocess.CompletedProcess[str]]
MakeSuite = Callable[..., Path]

pytest.importorskip("distributed")


def records(results: Path) -> dict[str, Record]:
    return {read(path).cell.label: read(path) for path in record_files(results)}


@contextmanager
def dask_process(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler or worker of Dask, as the documentation starts them."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_local_cluster_gives_the_same_numbers_to_the_bit(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    suite = make_suite(["faulty.honest", "faulty.raises", "faulty.killed"])
    here = command("run", "--suite", str(suite), "--results", "here", "--jobs", "2")
    there = command("run", "--suite", str(suite), "--results", "there", "--jobs", "2", "--executor", "dask")
    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    assert "Traceback" not in there.stderr
    one, two = records(tmp_path / "here"), records(tmp_path / "there")
    assert set(one) == set(two)
    for label, record in one.items():
        again = two[label]
        assert (again.status, again.metrics, again.audit) == (record.status, record.metrics, record.audit)
        assert again.preview == record.preview
        assert again.reason == record.reason
        assert again.provenance.key == record.provenance.key
        assert again.provenance.baseline_images == record.provenance.baseline_images
    assert not validate(tmp_path / "there").faults


@pytest.fixture
def cluster(plugin_environment: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """The scheduler file of a cluster without workers."""
    file = tmp_path / "scheduler.json"
    arguments = ("--scheduler-file", str(file), "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
    with dask_process(plugin_environment, "scheduler", *arguments):
        _until(file.is_file)
        yield file


def test_a_worker_that_dies_costs_no_record(
    cluster: Path,
    make_suite: MakeSuite,
    plugin_environment: dict[str, str],
    tmp_path: Path,
) -> None:
    address = re.search(r'"address": "([^"]+)"', cluster.read_text())
    assert address is not None
    suite = make_suite(["faulty.marked"], seeds=range(2))
    marks = tmp_path / "marks"
    worker = ("worker", "--scheduler-file", str(cluster), "--nthreads", "1", "--no-dashboard", "--no-nanny")
    slow = {**plugin_environment, "FAULTY_SLEEP": "60"}
    with dask_process(slow, *worker) as doomed:
        driver = subprocess.Popen(
            [
                *(sys.executable, "-m", "ganqbench", "run", "--suite", str(suite)),
                *("--executor", "dask", "--scheduler", address[1]),
            ],
            cwd=tmp_path,
            env=plugin_environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _until(marks.is_file)  # the first cell runs, and sleeps
            os.killpg(doomed.pid, signal.SIGKILL)
            with dask_process(plugin_environment, *worker):
                _, errors = driver.communicate(timeout=240)
        finally:
            driver.kill()
            driver.wait()
    assert driver.returncode == 0, errors
    found = records(tmp_path / "results")
    assert {record.status for record in found.values()} == {"ok"}
    assert len(found) == 3
    assert not validate(tmp_path / "results").faults


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://127.0.0.1:1", "tcp://127.0.0.1"])
def test_a_scheduler_that_is_not_there_is_one_message(
    address: str, make_suite: MakeSuite, command: Command
) -> None:
    done = command(
        *("run", "--suite", str(make_suite(["faulty.honest"])), "--executor", "dask"),
        *("--scheduler", address),
    )
    assert done.returncode == 1
    assert f"no Dask scheduler at {address}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--scheduler", "tcp://127.0.0.1:1"), "--executor dask"),
        (("--resource", "GPU=1"), "--executor dask"),
        (("--executor", "dask", "--resource", "GPU"), "GPU=1"),
        (("--executor", "dask", "--resource", "GPU=nan"), "GPU=1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: tuple[str, ...], expected: str, make_suite: MakeSuite, command: Command
) -> None:
    done = command("run", "--suite", str(make_suite(["faulty.honest"])), *arguments)
    assert done.returncode == 1
    assert expected in done.stderr


def _until(condition: Callable[[], bool], limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
