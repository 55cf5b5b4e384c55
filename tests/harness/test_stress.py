"""The stress session in small: each part runs, its limits bite, and its page is that of its figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def stress(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("stress")


def test_a_grid_has_the_same_numbers_on_two_workers(stress: ModuleType) -> None:
    figures = stress.grid(cells=2, final=64)
    assert figures["same_bits"] == 1
    assert figures["planned_for_two_workers_s"] > 0
    assert figures["speedup_of_2_workers"] == figures["one_worker_s"] / figures["two_workers_s"]


def test_many_records_are_checked_and_shown(stress: ModuleType) -> None:
    figures = stress.records(count=30)
    assert figures["records"] == 30
    assert 0 < figures["site_gb"] <= 2


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
    assert "choose from grid, kills, mutants, records" in capsys.readouterr().err
