"""The driver of a run, with an executor that only says what it is told."""

from __future__ import annotations

import errno
import os
from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from told_executor import HARDWARE, Idle

from ganqbench.errors import UserError
from ganqbench.harness import executor as executor_module
from ganqbench.harness.claims import Claims
from ganqbench.harness.executor import Executor, LocalExecutor, Task
from ganqbench.harness.expectation import Expected
from ganqbench.harness.filters import Filters
from ganqbench.harness.plan import Plan, make_plan
from ganqbench.harness.process import PASS, Outcome, cell_environment
from ganqbench.harness.run import run_plan
from ganqbench.records.store import clean, read, record_files, seal, write
from ganqbench.records.validate import validate
from ganqbench.suite import load_suite


class Scripted(Idle):
    """Every cell ends at once, in the same way."""

    def __init__(self, **document: Any) -> None:
        self.document = {"status": "failed", "reason": "as told", "attempts": 1} | document
        self.tasks: list[Task] = []

    def submit(self, task: Task) -> Future[Outcome]:
        self.tasks.append(task)
        found: Future[Outcome] = Future()
        found.set_result(Outcome({**self.document, "hardware": HARDWARE}, None))
        return found


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Five cells of a small GAN."""
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    suite = load_suite("mini")
    methods = ["gptq", "ptq-minmax", "ptq-percentile"]
    filters = Filters(gans=["cyclegan-edges2emoji"], adapters=["brevitas"], methods=methods)
    return make_plan(suite, filters.select(suite), tmp_path / "results")


def run(plan: Plan, results: Path, executor: Executor) -> Counter[str]:
    return run_plan(plan, results, 10, executor, quiet=True).statuses


def test_a_full_disk_is_one_message_and_loses_nothing(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, real, calls = tmp_path / "results", os.fsync, []

    def full_after_two_records(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr("os.fsync", full_after_two_records)
    with pytest.raises(UserError, match=r"No space left on device.*finished cells are kept"):
        run(plan, results, Scripted())
    kept = {path: path.read_bytes() for path in record_files(results)}
    assert len(kept) == 2
    assert not validate(results).faults
    assert not list(results.rglob(".tmp-*"))
    monkeypatch.setattr("os.fsync", real)
    assert run(plan, results, Scripted()) == {"failed": 3}  # the other two are there
    assert len(list(record_files(results))) == 5
    assert not validate(results).faults


def test_a_cell_that_can_not_be_started_is_one_message(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*_: object) -> Outcome:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(executor_module, "run_cell", no_process)
    with pytest.raises(UserError, match=r"can't be started: Resource temporarily.*finished cells are kept"):
        run(plan, tmp_path / "results", LocalExecutor(2))
    assert not list(record_files(tmp_path / "results"))


@pytest.mark.parametrize(
    "document",
    [
        {"metrics": {"psnr": {"value": -5.0, "low": None, "high": None, "n": 8}}},
        {"metrics": {"invented": {"value": 1.0, "low": None, "high": None, "n": 8}}},
        {"preview": {"sha256": "not one", "items": 1, "width": 1, "height": 1}},
    ],
)
def test_what_no_record_may_hold_is_a_failed_one(
    document: dict[str, Any], plan: Plan, tmp_path: Path
) -> None:
    assert run(plan, tmp_path / "results", Scripted(status="ok", reason=None, **document)) == {"failed": 5}
    report = validate(tmp_path / "results")
    assert not report.faults
    assert all("is no result" in (record.reason or "") for _, record in report.records)


@pytest.mark.parametrize("told", [{"attempts": 4}, {}])
def test_an_outcome_that_tells_no_machine_is_a_failed_record(
    told: dict[str, int], plan: Plan, tmp_path: Path
) -> None:
    """Nobody knows where a cell ran whose workers died, or at worst how often."""

    class Bare(Scripted):
        def submit(self, task: Task) -> Future[Outcome]:
            found: Future[Outcome] = Future()
            found.set_result(Outcome({"status": "failed", "reason": "it died", **told}, None))
            return found

    assert run(plan, tmp_path / "results", Bare()) == {"failed": 5}
    report = validate(tmp_path / "results")
    assert not report.faults
    assert {record.cost.attempts for _, record in report.records} == {told.get("attempts", 1)}
    reason = "it died" if told else "is no result"
    assert all(reason in (record.reason or "") for _, record in report.records)


def test_another_runs_cells_are_left_to_it(plan: Plan, tmp_path: Path) -> None:
    """What another process holds is not run; what it finished meanwhile is taken over."""
    results = tmp_path / "results"
    taken = plan.todo[1].cell
    ready, done = os.pipe(), os.pipe()
    other = os.fork()
    if other == 0:  # another run: it holds a cell until it has written the record
        status = 1
        try:
            os.close(done[1])
            Claims(results).take(taken)
            os.write(ready[1], b"x")
            os.read(done[0], 1)
            one = Plan((plan.todo[1],), (), plan.baselines)
            from ganqbench.harness.recording import Recorder

            document = {"status": "failed", "reason": "theirs", "hardware": HARDWARE, "attempts": 1}
            write(Recorder.of(one).record(plan.todo[1], Outcome(document, None)), None, results)
            status = 0
        finally:  # whatever happened, the tests go on in the parent alone
            os._exit(status)
    os.close(ready[1])  # so that a child that ends early ends the wait for it
    assert os.read(ready[0], 1) == b"x"
    assert not Claims(results).take(taken)
    executor = Scripted()
    os.write(done[1], b"x")
    summary = run_plan(plan, results, 10, executor, quiet=True)
    assert os.waitpid(other, 0)[1] == 0
    assert summary.elsewhere == 1
    assert summary.statuses == {"failed": 4}
    assert read(results / taken.path).reason == "theirs"
    assert taken.model_dump(mode="json") not in [task.job["cell"] for task in executor.tasks]


def test_only_the_writer_of_a_record_cleans_up_after_it(plan: Plan, tmp_path: Path) -> None:
    place = tmp_path / plan.todo[0].cell.path
    place.parent.mkdir(parents=True)
    own = place.with_name(f".tmp-host-12-{place.name}")
    others = place.with_name(f".tmp-host-12-x{place.name}")
    for path in (own, others):
        path.touch()
    clean(place)
    assert not own.exists()
    assert others.exists()


def test_a_cell_sees_no_more_of_the_environment_than_it_needs() -> None:
    outer = {
        **{"PATH": "/bin", "HOME": "/h", "GITHUB_TOKEN": "secret", "MKL_CBWR": "AVX", "MINE": "1"},
        **{"LD_PRELOAD": "evil.so", "CUDA_VISIBLE_DEVICES": "3", "OMP_NUM_THREADS": "64"},
    }
    found = cell_environment(outer, None)
    assert found["PATH"] == "/bin"
    assert not {"GITHUB_TOKEN", "MKL_CBWR", "MINE", "LD_PRELOAD"} & set(found)
    assert found["OMP_NUM_THREADS"] == "1"
    assert found["CUDA_VISIBLE_DEVICES"] == ""
    assert cell_environment({**outer, PASS: "MINE OTHER"}, "GPU")["MINE"] == "1"
    assert cell_environment(outer, "GPU")["CUDA_VISIBLE_DEVICES"] == "3"


def test_a_machine_with_other_code_or_versions_refuses_a_cell() -> None:
    planned = Expected("sha256:1", {"python": "3.11.1", "torch": "2.9"}, "w", {"network": "n"})
    newer = {"python": "3.12.0", "torch": "2.9"}
    assert planned.refusal(Expected("sha256:1", newer, "w", planned.judge)) is None
    for other, words in (
        (Expected("sha256:2", planned.versions, "w", planned.judge), "source code"),
        (Expected(planned.code, {"torch": "2.8"}, "w", planned.judge), "library versions"),
        (Expected(planned.code, planned.versions, "v", planned.judge), "weights"),
        (Expected(planned.code, planned.versions, "w", {"network": "m"}), "network"),
    ):
        assert words in (planned.refusal(other) or "")


def test_the_note_on_a_record_goes_with_it(plan: Plan, tmp_path: Path) -> None:
    from ganqbench.harness.recording import Recorder
    from ganqbench.records.rerun import label, make_rerun, rerun_path, write_rerun

    outcome = Outcome({"status": "failed", "reason": "x", "hardware": HARDWARE, "attempts": 1}, None)
    record = Recorder.of(plan).record(plan.todo[0], outcome)
    path = write(record, None, tmp_path)
    assert label(path, record) == "self-reported"
    write_rerun(make_rerun(record, record, "somebody"), path)
    assert label(path, record) == "re-run"
    assert not validate(tmp_path).faults
    assert len(list(record_files(tmp_path))) == 1
    other = seal({**record.model_dump(mode="json", by_alias=True, exclude={"hash"}), "reason": "y"})
    note = rerun_path(path).read_bytes()
    write(other, None, tmp_path)
    assert not rerun_path(path).exists()
    rerun_path(path).write_bytes(note)  # a note that somebody kept for another record
    assert label(path, other) == "self-reported"
    assert any("another record" in fault.what for fault in validate(tmp_path).faults)
    rerun_path(path).write_bytes(b"{")
    assert any("can't be read" in fault.what for fault in validate(tmp_path).faults)


def test_clocks_that_are_years_apart_do_no_harm(plan: Plan, tmp_path: Path) -> None:
    """Another machine's records are taken over whatever its clock said when it wrote them."""
    results = tmp_path / "results"
    assert run(plan, results, Scripted()) == {"failed": 5}
    for number, path in enumerate(sorted(record_files(results))):
        os.utime(path, (0, 0) if number % 2 else (4_000_000_000, 4_000_000_000))
    kept = {path: path.read_bytes() for path in record_files(results)}
    executor = Scripted()
    summary = run_plan(plan, results, 10, executor, quiet=True)  # planned before those records were there
    assert (summary.elsewhere, executor.tasks) == (5, [])
    assert {path: path.read_bytes() for path in record_files(results)} == kept


def test_a_slow_file_system_shows_no_half_written_record(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, synced, renamed = tmp_path / "results", os.fsync, os.replace
    seen: list[int] = []

    def look() -> None:
        """What a reader finds at this instant is whole."""
        report = validate(results)
        assert not report.faults
        seen.append(len(report.records))

    def slow_sync(descriptor: int) -> None:
        look()
        synced(descriptor)
        look()

    def slow_rename(old: Path, new: Path) -> None:
        look()
        renamed(old, new)
        look()

    monkeypatch.setattr("os.fsync", slow_sync)
    monkeypatch.setattr("os.replace", slow_rename)
    assert run(plan, results, Scripted()) == {"failed": 5}
    assert set(seen) == set(range(6))
