"""A recipe that finds nothing to work on is a skipped cell that says so, never another recipe's numbers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ganqbench.records.store import read
from ganqbench.records.validate import validate


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("ganq.ptq-minmax+distill-restated", "has no batch norm"),
        ("faulty.trainable+distill-dampened", "rounded by a parametrization"),
        ("faulty.honest+distill", "needs quantizers that let gradients through"),
    ],
)
def test_a_recipe_with_nothing_to_work_on_is_skipped(
    method: str,
    reason: str,
    make_suite: Callable[..., Path],
    command: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    done = command("run", "--suite", str(make_suite([method])))
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results").rglob("*+distill*.json")
    record = read(path)
    assert record.status == "skipped"
    assert record.reason is not None
    assert reason in record.reason
    assert "; choose" in record.reason or "; these have: trainable" in record.reason
    assert not validate(tmp_path / "results").faults
    again = command("run", "--suite", str(make_suite([method])))
    assert read(path) == record, again.stderr  # it is not run again


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
