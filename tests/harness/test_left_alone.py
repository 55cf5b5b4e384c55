"""What a run leaves as it is: records that it can't make again, and cells that would only wait."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from told_executor import HARDWARE, Told

from ganqbench import adapter
from ganqbench.adapter import Skip
from ganqbench.cli.main import cli
from ganqbench.harness import executor as executors
from ganqbench.harness import identity, run
from ganqbench.harness.dask_executor import DaskExecutor
from ganqbench.harness.filters import Filters
from ganqbench.harness.image_cache import image_cache
from ganqbench.harness.plan import Plan, make_plan
from ganqbench.harness.process import Outcome
from ganqbench.harness.recording import Recorder
from ganqbench.harness.run import run_plan
from ganqbench.records.store import preview_path, read, record_files, write
from ganqbench.suite import load_suite

RESULTS = Path(__file__).parents[2] / "results"
GANS = ("cyclegan-edges2emoji", "sagan-cifar10")
CELL = ("--gan", GANS[0], "--adapter", "brevitas", "--method", "gptq", "--bits", "W4A8", "--seed", "0")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "POLL_S", 0.01)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """The baselines and some cells of each of two small GANs."""
    suite = load_suite("mini")
    filters = Filters(gans=GANS, adapters=["brevitas"], methods=["gptq", "ptq-minmax"])
    return make_plan(suite, filters.select(suite), tmp_path / "results")


def of_one(plan: Plan) -> Plan:
    return replace(plan, todo=tuple(item for item in plan.todo if item.cell.gan == GANS[0]))


def test_a_toolkit_that_is_missing_here_loses_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = load_suite("mini").version
    there = RESULTS / f"mini-v{version}" / GANS[0] / "brevitas.gptq.W4A8.s0.json"
    here = tmp_path / there.relative_to(RESULTS.parent)
    here.parent.mkdir(parents=True)
    for path in (there, preview_path(there)):
        shutil.copy(path, here.parent)
    assert read(here).status == "ok"
    before = {path: path.read_bytes() for path in here.parent.iterdir()}
    for module in (adapter, identity):
        monkeypatch.setattr(module, "installed_version", lambda name: None if name == "brevitas" else "1")
    monkeypatch.setattr(executors, "LocalExecutor", lambda jobs: Told())
    done = CliRunner().invoke(cli, ["run", *CELL], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert {path: path.read_bytes() for path in before} == before
    assert "1 skipped, 1 not run here (records kept)" in done.stdout
    assert "\nnot run here 1: brevitas needs brevitas, which is not installed" in done.stdout


@pytest.mark.parametrize(
    ("declined", "status", "left"),
    [(False, "failed", True), (False, "skipped", False), (True, "failed", False)],
)
def test_what_is_missing_here_replaces_no_result_and_what_an_adapter_declines_does(
    declined: bool, status: str, left: bool, plan: Plan, tmp_path: Path
) -> None:
    skip = Skip("it is not to be had")
    item = replace(plan.todo[-1], skip=skip, declined=skip if declined else None)
    document = {"status": status, "reason": "earlier", "attempts": 1, "hardware": HARDWARE}
    path = write(Recorder.of(plan).record(item, Outcome(document, None)), None, tmp_path / "results")
    item = replace(item, seen=(path.stat().st_ino, path.stat().st_size, path.stat().st_mtime_ns))
    summary = run_plan(replace(plan, todo=(item,)), tmp_path / "results", 10, Told(), quiet=True)
    assert read(path).reason == ("earlier" if left else "it is not to be had")
    assert summary.not_here == ({item.cell} if left else set())
    assert summary.statuses == ({} if left else {"skipped": 1})


def test_a_cell_that_failed_in_another_run_has_failed(plan: Plan, tmp_path: Path) -> None:
    plan = of_one(plan)
    count = len(plan.todo)
    run_plan(plan, tmp_path / "results", 10, Told("failed"), quiet=True)
    summary = run_plan(plan, tmp_path / "results", 10, Told(), quiet=True)  # planned before they were there
    assert (summary.elsewhere, summary.statuses) == (count, {})
    assert {record.cell for record in summary.failures} == {item.cell for item in plan.todo}


def test_a_run_ends_with_1_if_another_runs_cell_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were started at once: the other one ends while this one still plans."""
    whole = CliRunner()
    monkeypatch.setattr(executors, "LocalExecutor", lambda jobs: Told("failed"))
    plain = run.run_plan

    def after_another(plan: Plan, results: Path, *rest: object, **more: object) -> run.Summary:
        plain(plan, results, 10, Told("failed"), quiet=True)
        return plain(plan, results, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "run_plan", after_another)
    done = whole.invoke(cli, ["run", *CELL], catch_exceptions=False)
    assert "2 cells were finished by another run." in done.stdout
    assert "brevitas.gptq.W4A8.s0: as told" in done.stderr
    assert done.exit_code == 1


def test_cells_start_when_nobody_makes_their_images(plan: Plan, tmp_path: Path) -> None:
    """No images ever come: each GAN's cells run one by one, and those of two GANs side by side."""
    told = Told()
    assert run_plan(plan, tmp_path / "results", 10, told, quiet=True).statuses == {"skipped": len(plan.todo)}
    gans = [[cell["gan"] for cell in cells] for cells in told.together]
    assert len(gans) == len(plan.todo)
    assert all(len(set(names)) == len(names) for names in gans)
    assert sorted(gans[1]) == sorted(GANS)  # both baselines
    assert sum(len(names) == 2 for names in gans) > 1
    assert len(list(record_files(tmp_path / "results"))) == len(plan.todo)


def test_cells_start_as_soon_as_their_images_are_there(plan: Plan, tmp_path: Path) -> None:
    plan = of_one(plan)

    class Making(Told):
        """The first cell has written the images when it is half done."""

        @property
        def slots(self) -> int:
            if self._seen == len(self.together) == 1 and not images.is_dir():
                key = plan.baselines[GANS[0]]
                image_cache(key).array("images", save)
                return 2
            return super().slots

    def save(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, np.zeros((1, 3, 2, 2), dtype=np.uint8))

    images = tmp_path / "home/baselines"
    told = Making()
    run_plan(plan, tmp_path / "results", 10, told, quiet=True)
    assert [len(cells) for cells in told.together] == [1] + [2] * (len(plan.todo) - 1)
    assert told.together[1][0]["adapter"] == "fp32"  # which still ran


def test_images_that_can_not_be_seen_from_here_are_not_waited_for(plan: Plan, tmp_path: Path) -> None:
    told = Told(shares_cache=False)
    run_plan(of_one(plan), tmp_path / "results", 10, told, quiet=True)
    assert [len(cells) for cells in told.together][:2] == [1, 2]


@pytest.mark.parametrize(
    ("scheduler", "shards", "seen"), [(None, 1, True), ("tcp://10.0.0.5:8786", 1, False), (None, 4, False)]
)
def test_dask_workers_elsewhere_keep_their_own_images(scheduler: str | None, shards: int, seen: bool) -> None:
    assert DaskExecutor(scheduler, 2, {}, shards).shares_cache is seen
