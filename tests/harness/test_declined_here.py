"""Methods that an adapter declines on one machine and not on another: what needs a GPU."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import records, run_here
from told_executor import Told

from ganqbench.adapters.pytorch_quantization import PytorchQuantization
from ganqbench.harness.filters import Filters
from ganqbench.harness.plan import Plan, make_plan
from ganqbench.harness.run import run_plan
from ganqbench.suite import load_suite


def plan(results: Path) -> Plan:
    """The baseline, and a method that only a GPU can calibrate."""
    suite = load_suite("standard")
    chosen = Filters(gans=["sagan-cifar10"], adapters=["pytorch_quantization"], methods=["ptq-mse"])
    return make_plan(suite, chosen.select(suite), results)


def test_what_was_declined_elsewhere_is_measured_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    first = plan(tmp_path)
    assert [item.skip is not None for item in first.todo if not item.cell.is_baseline] == [True, True]
    assert run_plan(first, tmp_path, 10, Told()).statuses == {"skipped": 3}
    assert plan(tmp_path).todo == ()
    monkeypatch.setattr(PytorchQuantization, "supports", lambda *_: None)
    again = plan(tmp_path)
    assert {item.cell.method for item in again.todo} == {"ptq-mse"}
    run_plan(again, tmp_path, 10, Told())  # in whose processes it is declined, too
    assert plan(tmp_path).todo == ()


def test_what_the_cells_process_declines_is_skipped(
    make_suite: Callable[..., Path], plugin_environment: dict[str, str], tmp_path: Path
) -> None:
    """The machine has a GPU, which no cell sees that didn't ask for one."""
    suite = make_suite(["faulty.gpu"])
    seen: dict[str, Any] = {**plugin_environment, "CUDA_VISIBLE_DEVICES": "0"}
    done: subprocess.CompletedProcess[str] = run_here(tmp_path, seen, "run", "--suite", str(suite))
    assert done.returncode == 0, done.stderr
    record = records(tmp_path / "results")["faulty.gpu.W8A8.s0"]
    assert (record.status, record.reason, record.cost.attempts) == ("skipped", "it needs a GPU", 1)
