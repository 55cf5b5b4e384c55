"""Cells on Dask workers: the same records as without, and what a worker's death costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import records, until

from ganqbench.harness.dask_executor import DaskExecutor
from ganqbench.harness.process import Outcome
from ganqbench.records.validate import validate

Command = Callable[..., subprocess.CompletedProcess[str]]
MakeSuite = Callable[..., Path]

pytest.importorskip("distributed")


PARTS = """
name = "parts"
version = 0
title = "A cell whose items are no multiple of the batch"
cpu_hours = 0.1
time_limit_s = 200
[protocol.cyclegan-edges2emoji]
resolution = 64
calibrate = 4
final = 26
batch = 4
preview_bytes = 48000
extractor = "embedded"
[tolerance]
psnr = 0.1
[[grid]]
gan = "cyclegan-edges2emoji"
methods = ["faulty.honest"]
bits = ["W8A8"]
seeds = [0]
"""


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
    measured_once: Path, make_suite: MakeSuite, process: Command, tmp_path: Path
) -> None:
    suite = make_suite(["faulty.honest", "faulty.raises", "faulty.killed"])
    run = ("run", "--suite", str(suite), "--jobs", "2", "--retries", "0")
    there = process(*run, "--results", "there", "--executor", "dask")
    assert there.returncode == 1, there.stderr
    assert "Traceback" not in there.stderr
    one, two = records(measured_once), records(tmp_path / "there")
    killed = two.pop("faulty.killed.W8A8.s0")
    assert (killed.status, killed.cost.attempts) == ("failed", 1)
    assert "SIGKILL" in (killed.reason or "")
    assert len(one) == 3
    assert set(one) == set(two)
    for label, record in one.items():
        again = two[label]
        assert (again.status, again.metrics, again.audit) == (record.status, record.metrics, record.audit)
        assert again.preview == record.preview
        assert again.reason == record.reason
        assert again.provenance.key == record.provenance.key
        assert again.provenance.baseline_images == record.provenance.baseline_images
    assert not validate(tmp_path / "there").faults


def test_a_cell_that_its_worker_never_ended_says_how_often_it_was_tried() -> None:
    from distributed import KilledWorker

    executor = DaskExecutor(None, 1, {}, 1)
    for error, attempts, words in (
        (KilledWorker("cell", None, 3), 4, "4 workers died"),
        (OSError("no room"), 1, "could not run this cell: OSError: no room"),
    ):
        found: Future[Outcome] = Future()
        found.set_exception(error)
        ended: Future[Outcome] = Future()
        executor._settle(found, ended)
        document = ended.result().document
        assert (document["status"], document["attempts"]) == ("failed", attempts)
        assert words in document["reason"]


def test_a_cell_in_parts_gives_the_same_numbers_to_the_bit(
    command: Command, process: Command, tmp_path: Path
) -> None:
    """With a feature network, so that features, distances and their intervals are joined too."""
    suite = tmp_path / "parts.toml"
    suite.write_text(PARTS)
    whole = command("run", "--suite", str(suite), "--results", "whole")
    parts = process(
        *("run", "--suite", str(suite), "--results", "parts", "--executor", "dask"),
        *("--shards", "2", "--jobs", "2"),
    )
    assert (whole.returncode, parts.returncode) == (0, 0), whole.stderr + parts.stderr
    one, two = records(tmp_path / "whole"), records(tmp_path / "parts")
    assert set(one) == set(two)
    for label, record in one.items():
        assert two[label].metrics == record.metrics
        assert two[label].audit == record.audit
        assert two[label].preview == record.preview
        assert two[label].provenance.key == record.provenance.key
        assert two[label].provenance.inputs == record.provenance.inputs
        assert two[label].provenance.baseline_images == record.provenance.baseline_images
        assert "join" in two[label].cost.phases
    assert "fid_delta" in one["faulty.honest.W8A8.s0"].metrics
    assert not validate(tmp_path / "parts").faults


@dataclass(frozen=True)
class Cluster:
    """A scheduler without workers."""

    file: Path
    scheduler: subprocess.Popen[bytes]

    @property
    def worker(self) -> tuple[str, ...]:
        """What starts a worker of one thread."""
        where = ("--scheduler-file", str(self.file), "--no-dashboard", "--no-nanny")
        return ("worker", *where, "--nthreads", "1")

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return str(json.loads(self.file.read_text())["address"])


def written(file: Path) -> bool:
    """Whether a scheduler has said in its file where it listens: it makes it first, and writes then."""
    return file.is_file() and file.read_text().rstrip().endswith("}")


@pytest.fixture
def cluster(plugin_environment: dict[str, str], tmp_path: Path) -> Iterator[Cluster]:
    file = tmp_path / "scheduler.json"
    arguments = ("--scheduler-file", str(file), "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
    with dask_process(plugin_environment, "scheduler", *arguments) as process:
        until(lambda: written(file))
        yield Cluster(file, process)


@pytest.fixture
def driver(
    cluster: Cluster, make_suite: MakeSuite, plugin_environment: dict[str, str], tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    """A run of two cells on the cluster."""
    suite = make_suite(["faulty.marked"], seeds=range(2))
    run = (*("run", "--suite", str(suite)), *("--executor", "dask", "--scheduler", cluster.address))
    process = subprocess.Popen(
        [sys.executable, "-m", "ganqbench", *run],
        cwd=tmp_path,
        env=plugin_environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("full_precision_there")
def test_a_worker_that_dies_costs_no_record(
    cluster: Cluster, driver: subprocess.Popen[str], plugin_environment: dict[str, str], tmp_path: Path
) -> None:
    with dask_process({**plugin_environment, "FAULTY_SLEEP": "60"}, *cluster.worker) as doomed:
        until((tmp_path / "marks").is_file)  # a cell runs, and sleeps
        os.killpg(doomed.pid, signal.SIGKILL)
        with dask_process(plugin_environment, *cluster.worker):
            _, errors = driver.communicate(timeout=240)
    assert driver.returncode == 0, errors
    found = records(tmp_path / "results")
    assert {record.status for record in found.values()} == {"ok"}
    assert len(found) == 3
    assert not validate(tmp_path / "results").faults


@pytest.mark.usefixtures("full_precision_there")
def test_a_scheduler_that_dies_is_one_message_and_leaves_no_cell_behind(
    cluster: Cluster,
    driver: subprocess.Popen[str],
    plugin_environment: dict[str, str],
    process: Command,
    tmp_path: Path,
) -> None:
    with dask_process({**plugin_environment, "FAULTY_SLEEP": "600"}, *cluster.worker) as worker:
        until((tmp_path / "marks").is_file)
        os.killpg(cluster.scheduler.pid, signal.SIGKILL)
        _, errors = driver.communicate(timeout=120)
        assert driver.returncode == 1
        assert f"The Dask scheduler at {cluster.address} is gone" in errors
        assert "Traceback" not in errors
        until(lambda: worker.poll() is not None)  # which it could not while its cell ran
    assert len(records(tmp_path / "results")) == 1
    assert not validate(tmp_path / "results").faults
    # The scheduler is started again: the same command goes on from there.
    file = tmp_path / "again.json"
    where = ("--scheduler-file", str(file), "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
    with dask_process(plugin_environment, "scheduler", *where) as scheduler:
        until(lambda: written(file))
        restarted = Cluster(file, scheduler)
        with dask_process(plugin_environment, *restarted.worker):
            run = ("run", "--suite", str(tmp_path / "faults.toml"), "--executor", "dask")
            done = process(*run, "--scheduler", restarted.address)
    assert done.returncode == 0, done.stderr
    assert "2 cells to run" in done.stdout
    assert {record.status for record in records(tmp_path / "results").values()} == {"ok"}


ONE_BY_ONE = """
import sys
from ganqbench.cli.main import main
suite, *addresses = sys.argv[1:]
found = []
for address in addresses:
    sys.argv[1:] = ["run", "--suite", suite, "--executor", "dask", "--scheduler", address]
    try:
        main()
    except SystemExit as end:
        found.append(end.code)
print(found)
"""


def test_a_scheduler_that_is_not_there_is_one_message(
    make_suite: MakeSuite, plugin_environment: dict[str, str], tmp_path: Path
) -> None:
    """In a process that ends: only then does Dask tell of connections that nobody asked after."""
    addresses = ["tcp://127.0.0.1:1", "nonsense://127.0.0.1:1", "tcp://127.0.0.1"]
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, str(make_suite(["faulty.honest"])), *addresses],
        cwd=tmp_path,
        env=plugin_environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[1, 1, 1]"
    for address in addresses:
        assert done.stderr.count(f"no Dask scheduler at {address}: ") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--scheduler", "tcp://127.0.0.1:1"), "--executor dask"),
        (("--resource", "GPU=1"), "--executor dask"),
        (("--shards", "2"), "--executor dask"),
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
