"""What one step adds: the page says what its figures say, and these are those of the committed records."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ganqbench.harness.influence import METRIC, Influence, keep
from ganqbench.records.schema import Record
from ganqbench.records.validate import validate
from ganqbench.suite import load_suite

ROOT = Path(__file__).parents[2]
GAN = "sagan-cifar10"


@pytest.fixture
def ablation(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("ablation")


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / "ablation.json").read_text(encoding="utf-8"))
    return found


def record(method: str, seed: int = 0) -> Record:
    version = load_suite("study").version
    (path,) = (ROOT / f"results/study-v{version}/{GAN}").glob(f"{method}.W4A8.s{seed}.json")
    ((_, found),) = validate(path).records
    return found


def test_the_page_is_that_of_the_figures(ablation: ModuleType) -> None:
    assert (ROOT / "docs" / "ablation.md").read_text(encoding="utf-8") == ablation.page(document())


def test_the_figures_are_those_of_the_records(ablation: ModuleType, tmp_path: Path) -> None:
    """Without influence values an error is the most it can be; all else is the same."""
    found = ablation.found(ROOT / "results")
    again, rows = ablation.figures(*found, tmp_path), document()["rows"]
    assert document()["between_seeds"] == ablation.spreads(*found)
    assert [(row["step"], row["gan"]) for row in rows] == [(row["step"], row["gan"]) for row in again]
    for row, other in zip(rows, again, strict=True):
        assert row["seeds"] == other["seeds"]
        assert row["delta"] == pytest.approx(other["delta"], rel=1e-9, abs=1e-12)
        assert row["psnr"] == pytest.approx(other["psnr"], rel=1e-9, abs=1e-12)
        assert row["half"] <= other["half"] * 1.01
        assert row["unchanged"] == other["unchanged"]


def test_a_training_that_kept_its_start_is_said_to_be_no_other_row(ablation: ModuleType) -> None:
    rows, _ = ablation.found(ROOT / "results")
    start = record("ganq.even-gptq-ends8")
    trained = record("ganq.qat-even-gptq-ends8+distill")
    assert not ablation._is_a_start([trained], rows, GAN)
    kept = trained.model_copy(update={"metrics": start.metrics, "preview": start.preview})
    assert ablation._is_a_start([kept], rows, GAN)
    assert not ablation._is_a_start([kept, trained], rows, GAN)
    assert "(*unchanged*)" in ablation._change(
        {"delta": 1.0, "half": None, "exact": True, "seeds": [0], "psnr": 0.0, "unchanged": True}
    )


def test_every_step_is_between_rows_of_the_suites(ablation: ModuleType) -> None:
    cells = {name: load_suite(name).cells() for name in ("study", "few")}
    methods = {
        name: {f"{c.adapter}.{c.method}" + (f"+{c.recipe}" if c.recipe else "") for c in listed}
        for name, listed in cells.items()
    }
    for step in ablation.STEPS:
        assert step.before in methods[step.suite], step
        assert step.after in methods["study"], step


def test_the_error_of_a_difference_is_that_of_the_paired_influences(
    ablation: ModuleType, tmp_path: Path
) -> None:
    one, other = record("ganq.smooth"), record("ganq.even")
    rng = np.random.default_rng(0)
    n = one.metrics[METRIC].n
    shared, own = rng.normal(size=n), 0.1 * rng.normal(size=n)
    for found, values in ((one, shared), (other, shared + own)):
        metric = found.metrics[METRIC]
        keep(tmp_path, Influence.of(values, range(n)), metric.value, metric.identity or "")
    exact = ablation.difference([one], [other], 1.0, tmp_path)
    assert exact["exact"]
    assert exact["half"] == pytest.approx(1.96 * own.std(ddof=1) / math.sqrt(n), rel=1e-3)
    assert exact["delta"] == pytest.approx(other.metrics[METRIC].value - one.metrics[METRIC].value)
    bound = ablation.difference([one], [other], 1.0, tmp_path / "empty")
    assert not bound["exact"]
    errors = [found.metrics[METRIC].se or 0 for found in (one, other)]
    assert bound["half"] == pytest.approx(1.96 * sum(errors), rel=1e-3)


def test_rows_of_other_images_are_refused(ablation: ModuleType, tmp_path: Path) -> None:
    one = record("ganq.smooth")
    images = one.provenance.model_copy(update={"baseline_images": "sha256:" + "0" * 64})
    other = one.model_copy(update={"provenance": images})
    with pytest.raises(ValueError, match="measured differently"):
        ablation.difference([one], [other], 1.0, tmp_path)


def test_only_seeds_that_both_have_are_compared(ablation: ModuleType, tmp_path: Path) -> None:
    many = [record("brevitas.gptq", seed) for seed in range(3)]
    found = ablation.difference([record("ganq.even")], many, 1.0, tmp_path)
    assert found["seeds"] == [0]


def test_several_seeds_widen_the_interval_by_their_spread(ablation: ModuleType, tmp_path: Path) -> None:
    before = [record("ganq.even-gptq-ends8", seed) for seed in range(3)]
    after = [record("ganq.qat-even-gptq-ends8+distill-short", seed) for seed in range(3)]
    several = ablation.difference(before, after, 1.0, tmp_path)
    alone = [
        ablation.difference([one], [other], 1.0, tmp_path) for one, other in zip(before, after, strict=True)
    ]
    assert several["seeds"] == [0, 1, 2]
    assert several["delta"] == pytest.approx(sum(each["delta"] for each in alone) / 3)
    deltas = np.array([each["delta"] for each in alone])
    assert several["half"] >= 4.30 * deltas.std(ddof=1) / math.sqrt(3)


def test_a_cell_without_a_record_is_an_error_and_no_gap(ablation: ModuleType, tmp_path: Path) -> None:
    name = f"study-v{load_suite('study').version}"
    shutil.copytree(ROOT / "results" / name, tmp_path / name)
    (tmp_path / name / GAN / "ganq.even.W4A8.s0.json").unlink()
    with pytest.raises(ValueError, match=r"ganq\.even\.W4A8\.s0 has no record"):
        ablation.found(tmp_path)
