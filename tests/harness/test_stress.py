"""The stress session in small: what its parts find, that its limits bite, whose figures its page shows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from command_line import forge, run_here
from committed import RESULTS, newest

from ganqbench.records.store import record_files


@pytest.fixture
def stress(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("stress")


def louder(document: dict[str, Any]) -> None:
    document["metrics"]["mae"]["value"] += 1e-9


@pytest.mark.parametrize("same", [True, False])
def test_a_grid_whose_numbers_differ_on_two_workers_is_noticed(
    same: bool,
    stress: ModuleType,
    measured_once: Path,
    plugin_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def output(folder: Path, *arguments: str) -> str:
        done = run_here(folder, plugin_environment, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def measure(folder: Path, *arguments: str) -> float:
        """Only plan the cells, and take records that are there already."""
        assert "cells to run" in output(folder, *arguments, "--dry-run")
        results = folder / arguments[arguments.index("--results") + 1]
        shutil.copytree(measured_once, results)
        if results.name == "2" and not same:
            (honest,) = results.rglob("faulty.honest.*.json")
            forge(honest, louder)
        return {"warm": 1.0, "1": 6.0, "2": 4.0}[results.name]

    monkeypatch.setattr(stress, "output", output)
    monkeypatch.setattr(stress, "ganqbench", measure)
    figures = stress.grid(cells=2, final=64)
    assert figures["same_bits"] == int(same)
    assert figures["speedup_of_2_workers"] == 1.5
    assert figures["planned_for_two_workers_s"] > 0
    assert ("same_bits" in stress.missed(figures)) is not same


def test_many_records_are_checked_and_shown(stress: ModuleType) -> None:
    figures = stress.records(count=30)
    assert figures["records"] == 30
    assert 0 < figures["site_gb"] <= 2


def test_records_of_several_suites_are_never_one_board(stress: ModuleType, tmp_path: Path) -> None:
    """They were measured in different ways, which `validate` would refuse in one suite."""
    for suite in ("standard", "claim", "confirm"):
        whole = newest(suite) / "sagan-cifar10"
        for path in whole.glob("ganq.even.W8A8.s0.*"):
            target = tmp_path / path.relative_to(RESULTS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    assert len(list(record_files(tmp_path))) == 3
    assert stress.records(count=6, results=tmp_path)["records"] == 6


def test_a_missed_limit_is_named(stress: ModuleType) -> None:
    assert stress.missed({"speedup_of_2_workers": 1.79, "validate_s": 20, "one_worker_s": 9.0}) == [
        "speedup_of_2_workers"
    ]
    assert stress.missed({"same_bits": 0, "kills": 100, "site_gb": 2.1}) == ["same_bits", "site_gb"]


def test_the_page_is_that_of_the_figures(stress: ModuleType) -> None:
    assert stress.PAGE.read_text(encoding="utf-8") == stress.page(json.loads(stress.JSON.read_text()))


def test_an_unknown_part_is_refused(stress: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        stress.main(["everything"])
    assert "choose from grid, kills, mutants, commands, records" in capsys.readouterr().err
