"""A recipe that finds nothing to work on is a skipped cell that says so, never another recipe's numbers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ganqbench.records.store import read
from ganqbench.records.validate import validate

REFUSED = {
    "ganq.ptq-minmax+distill-restated": "has no batch norm",
    "faulty.trainable+distill-dampened": "rounded by a parametrization",
    "faulty.honest+distill": "needs quantizers that let gradients through",
}


@pytest.mark.usefixtures("full_precision_there")
def test_a_recipe_with_nothing_to_work_on_is_skipped(
    make_suite: Callable[..., Path],
    command: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    suite = make_suite(list(REFUSED))
    done = command("run", "--suite", str(suite))
    assert done.returncode == 0, done.stderr
    found = {path: read(path) for path in (tmp_path / "results").rglob("*+distill*.json")}
    assert {record.cell.label.partition(".W8A8")[0] for record in found.values()} == set(REFUSED)
    for record in found.values():
        assert record.status == "skipped"
        assert record.reason is not None
        assert REFUSED[record.cell.label.partition(".W8A8")[0]] in record.reason
        assert "; choose" in record.reason or "; these have: trainable" in record.reason
    assert not validate(tmp_path / "results").faults
    again = command("run", "--suite", str(suite))
    assert {path: read(path) for path in found} == found, again.stderr  # none is run again


@pytest.mark.usefixtures("full_precision_there")
def test_a_training_that_diverges_is_a_failed_cell_that_says_when(
    make_suite: Callable[..., Path],
    command: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    done = command("run", "--suite", str(make_suite(["faulty.unstable+distill-short"])))
    assert done.returncode == 1, done.stderr
    (path,) = (tmp_path / "results").rglob("*+distill*.json")
    record = read(path)
    assert record.status == "failed"
    assert record.reason == "Fine-tuning diverged: the loss at step 2 is nan."
    assert record.training is None
    assert not validate(tmp_path / "results").faults
    assert not list((tmp_path / "home" / "unfinished").glob("*"))
