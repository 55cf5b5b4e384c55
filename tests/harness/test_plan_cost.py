"""Costs of a suite from cells that were measured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ganqbench.cell import Cell
from ganqbench.harness.cost import Cost, CostModel, cached_bytes
from ganqbench.harness.forecast import duration, forecast, makespan, runs_somewhere, size
from ganqbench.harness.plan import make_plan
from ganqbench.protocol import Protocol
from ganqbench.records.schema import Record
from ganqbench.records.store import parse
from ganqbench.records.validate import validate
from ganqbench.suite import load_suite

Command = Callable[..., subprocess.CompletedProcess[str]]
MakeSuite = Callable[..., Path]
RESULTS = Path(__file__).parents[2] / "results"
CORPUS = Path(__file__).parents[1] / "records/corpus/1"


@pytest.fixture(scope="module")
def measured() -> Record:
    path = CORPUS / "distances.json"
    return parse(path.read_bytes(), path)


@pytest.fixture(scope="module")
def baseline() -> Record:
    path = CORPUS / "baseline-with-distances.json"
    return parse(path.read_bytes(), path)


def protocol_of(record: Record, **more: int) -> Protocol:
    return Protocol(**{**record.provenance.protocol, "preview_bytes": 48_000, **more})


def test_a_measured_cell_costs_what_it_cost(measured: Record) -> None:
    cost = CostModel([measured]).cost(measured.cell, protocol_of(measured))
    phases = measured.cost.phases
    without_cache = [phase for name, phase in phases.items() if name != "baseline"]
    assert cost is not None
    assert cost.cpu_s == pytest.approx(sum(phase.cpu_s for phase in without_cache) + 4)
    assert cost.memory == measured.cost.peak_memory
    assert cost.basis == "same GAN, method and bits"


def test_each_phase_grows_with_its_own_images(measured: Record) -> None:
    model, protocol = CostModel([measured]), protocol_of(measured)
    before = model.cost(measured.cell, protocol)
    doubled = model.cost(measured.cell, protocol.model_copy(update={"final": 2 * protocol.final}))
    assert before is not None
    assert doubled is not None
    assert doubled.wall_s - before.wall_s == pytest.approx(measured.cost.phases["evaluate"].wall_s)
    larger = model.cost(measured.cell, protocol.model_copy(update={"resolution": 2 * protocol.resolution}))
    assert larger is not None
    working = sum(measured.cost.phases[name].wall_s for name in ("quantize", "audit", "evaluate"))
    assert larger.wall_s - before.wall_s == pytest.approx(3 * working)


def test_the_nearest_kind_of_cell_counts_and_is_named(measured: Record, baseline: Record) -> None:
    model, protocol = CostModel([measured, baseline]), protocol_of(measured)

    def basis(**change: object) -> str:
        found = model.cost(measured.cell.model_copy(update=change), protocol)
        assert found is not None
        return found.basis

    assert basis(bits=(8, 8)) == "same GAN and method"
    assert basis(gan="sagan-cifar10") == "same method"
    assert basis(method="other") == "same GAN"
    assert basis(gan="cyclegan-vintagify", method="other") == "same architecture"
    assert basis(gan="sagan-cifar10", method="other") == "any"
    assert CostModel([]).cost(measured.cell, protocol) is None
    assert CostModel([measured]).cost(baseline.cell, protocol) is None


def test_a_training_costs_by_its_steps(measured: Record) -> None:
    fine_tune = measured.cost.phases["evaluate"].model_copy(update={"wall_s": 80.0, "cpu_s": 80.0})
    phases = {**measured.cost.phases, "fine-tune": fine_tune}
    trained = measured.model_copy(
        update={
            "cell": measured.cell.model_copy(update={"recipe": "distill"}),
            "cost": measured.cost.model_copy(update={"phases": phases}),
        }
    )
    model, protocol = CostModel([trained]), protocol_of(measured)

    def found(**change: object) -> Cost:
        cost = model.cost(trained.cell.model_copy(update=change), protocol)
        assert cost is not None
        return cost

    whole = found()
    for recipe, times in (("distill-short", 1 / 4), ("distill-long", 4)):
        other = found(recipe=recipe)
        assert other.basis == "same GAN, another recipe"
        assert other.wall_s - whole.wall_s == pytest.approx((times - 1) * 80)
    assert found(recipe="distill-short", gan="sagan-cifar10").basis == "another recipe"
    assert found(recipe="of-before").wall_s == whole.wall_s
    plain = found(recipe=None)
    assert (plain.basis, plain.wall_s) == ("any", pytest.approx(whole.wall_s - 80))
    # A training is like none that was measured without one.
    assert CostModel([measured]).cost(trained.cell, protocol) is None


def test_cells_wait_for_their_baseline_and_workers_share_the_rest(tmp_path: Path) -> None:
    suite = load_suite("mini")
    items = make_plan(suite, suite.cells(), tmp_path).todo
    gan = items[0].cell.gan
    first, *others = [item for item in items if item.cell.gan == gan][:5]
    making = Cost(wall_s=12, cpu_s=12, baseline_s=10, memory=1, basis="")
    other = Cost(wall_s=5, cpu_s=5, baseline_s=0, memory=1, basis="")
    costs = [(first, making), *((item, other) for item in others)]
    assert makespan(costs, 1) == 12 + 4 * 5
    # The second worker's first cell waits for the images: 10 + 5, then both take turns.
    assert makespan(costs, 2) == 22 + 0
    assert makespan([], 3) == 0


def test_skipped_and_unknown_cells_are_told_apart(tmp_path: Path, measured: Record) -> None:
    suite = load_suite("mini")
    plan = make_plan(suite, suite.cells(), tmp_path)
    found = forecast(plan.todo, CostModel([measured]), 2, runs_somewhere)
    assert found.cells == len(suite.cells())
    # Neither a baseline was measured nor a training.
    assert found.unknown == len(suite.protocol) + sum(cell.recipe is not None for cell in suite.cells())
    assert "nothing measured is like" in str(found)
    assert str(forecast(plan.todo, CostModel([]), 2)) == "no cell like these was ever measured"
    assert str(forecast([], CostModel([]), 2)) == "nothing to run"
    assert found.document()["workers"] == 2


def test_units() -> None:
    assert [duration(seconds) for seconds in (5, 600, 9000, 900_000)] == [
        "5 s",
        "10.0 min",
        "2.5 h",
        "10.4 days",
    ]
    assert [size(count) for count in (12, 3e6, 5e12)] == ["12 bytes", "3 MB", "5 TB"]
    protocol = Protocol(resolution=32, calibrate=1, final=10, batch=2, preview_bytes=1000)
    assert cached_bytes(protocol) == 10 * 3 * 32 * 32


def test_the_command_says_what_is_left_and_a_dry_run_the_same(
    command: Command, make_suite: MakeSuite
) -> None:
    suite = make_suite(["faulty.honest"])
    before = json.loads(command("plan", "--suite", str(suite), "--json").stdout)
    assert before["whole"]["unknown"] == 2
    assert command("run", "--suite", str(suite)).returncode == 0
    found = json.loads(command("plan", "--suite", str(suite), "--json", "--workers", "1").stdout)
    assert found["left"]["cells"] == 0
    assert found["whole"]["unknown"] == 0
    assert found["whole"]["wall_s"] > 0
    assert "Estimate: nothing to run." in command("run", "--suite", str(suite), "--dry-run").stdout


def test_cells_that_lack_something_count_beside_declined_ones_on_record(
    command: Command, make_suite: MakeSuite
) -> None:
    suite = str(make_suite(["faulty.honest+distill", "absent.ptq"]))
    done = command("run", "--suite", suite, "--method", "honest")
    assert done.returncode == 0, done.stderr
    found = command("plan", "--suite", suite).stdout
    assert "3 cells, 2 current." in found
    assert "    1 cells that their backend declines\n" in found
    assert "    1 cells that lack a file or toolkit here;" in found


def test_cells_know_their_likes() -> None:
    cell = Cell.model_validate(
        {
            **{"suite": "mini", "suite_version": 1, "gan": "sagan-cifar10", "adapter": "a", "method": "m"},
            **{"bits": "W4A8", "seed": 0},
        }
    )
    assert cell.architecture == "sagan"


def test_other_widths_of_a_method_foretell_the_committed_cells_within_30_percent() -> None:
    """The sum over all cells that ran; each foretold without its own bit-width."""
    records = [record for _, record in validate(RESULTS).records]
    foretold = measured = 0.0
    for record in records:
        if record.cell.is_baseline or record.status != "ok":
            continue
        protocol = protocol_of(record)
        others = CostModel(each for each in records if each.cell.bits != record.cell.bits)
        cost, own = others.cost(record.cell, protocol), CostModel([record]).cost(record.cell, protocol)
        if cost is not None and own is not None:
            foretold, measured = foretold + cost.cpu_s, measured + own.cpu_s
    assert measured > 0
    assert foretold == pytest.approx(measured, rel=0.3)
