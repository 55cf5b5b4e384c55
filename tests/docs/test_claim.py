"""The page of the claim says what its figures say, and these are those of the committed records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ganqbench.records.schema import Record
from ganqbench.records.validate import validate

ROOT = Path(__file__).parents[2]
GAN = "sagan-cifar10"


@pytest.fixture
def claim(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("claim")


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / "claim.json").read_text(encoding="utf-8"))
    return found


def test_the_page_is_that_of_the_figures(claim: ModuleType) -> None:
    assert (ROOT / "docs" / "claim.md").read_text(encoding="utf-8") == claim.page(document())


def test_the_figures_are_those_of_the_records(claim: ModuleType, tmp_path: Path) -> None:
    """Without influence values a standard error is the most it can be; all else is the same."""
    records = claim.newest(ROOT / "results")
    again = {(row["gan"], row["bits"], row["method"]): row for row in claim.rows(records, tmp_path)}
    rows = document()["rows"]
    assert len(rows) == len(again) >= 15
    for row in rows:
        other = again[row["gan"], row["bits"], row["method"]]
        assert all(row[name] == other[name] for name in ("seeds", "n", "suite", "images"))
        for name in ("psnr", "worst", "cpu_s"):
            assert row[name] == pytest.approx(other[name], rel=1e-12), name
        assert (row["delta"] is None) == (other["delta"] is None)
        if row["delta"] is not None:
            for name in ("delta", "each", "precision", "recall"):
                assert row[name] == pytest.approx(other[name], rel=1e-9, abs=1e-12), name
            # A record's own error is corrected for the second order, which averaged influences are not.
            assert row["se"] <= other["se"] * 1.01
            assert row["limit"] == pytest.approx(row["delta"] + 1.96 * row["se"], abs=1e-3)


def test_the_third_network_says_what_its_records_say(claim: ModuleType, tmp_path: Path) -> None:
    records = [record for _, record in validate(ROOT / "results" / claim.CONFIRM).records]
    again = {(row["gan"], row["bits"], row["method"]): row for row in claim.rows(records, tmp_path)}
    shown = {(row["gan"], row["bits"], row["method"]): row for row in document()["rows"]}
    assert again.keys() <= shown.keys()
    assert {key for key, row in shown.items() if row["third"]} == again.keys()
    for key, other in again.items():
        third = shown[key]["third"]
        assert third["seeds"] == other["seeds"]
        assert third["each"] == pytest.approx(other["each"], rel=1e-9)
        assert third["delta"] == pytest.approx(other["delta"], rel=1e-9)
        assert third["delta"] != pytest.approx(shown[key]["delta"], rel=1e-3), "the same network judged twice"


def test_a_confirmation_on_other_images_is_refused(claim: ModuleType, tmp_path: Path) -> None:
    found = claim.rows(_records(), tmp_path)
    with pytest.raises(ValueError, match="judged other images"):
        claim.confirmed([{**row, "images": "others"} for row in found], _records(), tmp_path)


def _records() -> list[Record]:
    return [record for _, record in validate(ROOT / "results" / "claim-v2" / GAN).records]


def test_seeds_that_were_measured_differently_are_never_averaged(claim: ModuleType, tmp_path: Path) -> None:
    records = _records()
    index = next(k for k, record in enumerate(records) if record.cell.seed == 1)
    metric = records[index].metrics["fid_delta"]
    assert metric.identity is not None
    other = metric.model_copy(update={"identity": metric.identity.replace("ref=", "ref=0")})
    metrics = {**records[index].metrics, "fid_delta": other}
    records[index] = records[index].model_copy(update={"metrics": metrics})
    with pytest.raises(ValueError, match="measured differently"):
        claim.rows(records, tmp_path)


def test_a_version_that_was_not_run_whole_waits(claim: ModuleType, tmp_path: Path) -> None:
    for version in ("claim-v1", "claim-v2"):
        shutil.copytree(ROOT / "results" / version / GAN, tmp_path / version / GAN)
    assert {record.cell.suite_version for record in claim.newest(tmp_path)} == {2}
    next((tmp_path / "claim-v2" / GAN).glob("*.s2.json")).unlink()
    assert {record.cell.suite_version for record in claim.newest(tmp_path)} == {1}


def test_a_cell_that_failed_is_not_left_out(claim: ModuleType, tmp_path: Path) -> None:
    records = _records()
    records[-1] = records[-1].model_copy(update={"status": "failed"})
    with pytest.raises(ValueError, match="is failed"):
        claim.rows(records, tmp_path)
