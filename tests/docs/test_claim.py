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


def test_what_is_called_reached_follows_from_the_rows(script: Callable[[str], ModuleType]) -> None:
    asked, found = script("asked"), document()
    rows = {(row["gan"], row["bits"], row["method"]): row for row in found["rows"]}
    assert asked.verdicts(found["rows"]) == found["asked"]
    assert found["duels"]
    for duel in found["duels"]:
        (wish,) = (one for one in asked.asked(duel["gan"]) if one.bits == duel["bits"] and one.trained)
        sides = [rows[duel["gan"], duel["bits"], duel[side]] for side in ("ours", "theirs")]
        assert duel["verdict"] == asked.duel(*sides, duel, wish)


def test_the_third_network_says_what_its_records_say(claim: ModuleType, tmp_path: Path) -> None:
    records = claim.newest(ROOT / "results", "confirm")
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


DUEL = {
    **{"gan": GAN, "bits": "W4A8", "ours": "ganq.sure", "theirs": "brevitas.gptq", "verdict": "better"},
    **{"delta": -1.0, "half": 0.5, "half_over_inputs": 0.2, "exact": True, "psnr": 3.0, "seeds": [0, 1, 2]},
}


def row(delta: float, se: float, **more: Any) -> dict[str, Any]:
    made = {"delta": delta, "se": se, "limit": delta + 1.96 * se, "seeds": [0, 1, 2], "each": [delta] * 3}
    return (
        {"gan": GAN, "bits": "W4A8", "psnr": 30.0, "precision": 0.0, "recall": 0.0, "third": None}
        | made
        | more
    )


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (row(1.0, 0.4), "reached"),
        (row(-9.0, 0.4), "reached"),
        (row(3.5, 0.4), "open"),  # the interval holds what is asked
        (row(-9.0, 0.6), "open"),  # too wide to say so
        (row(1.0, 0.4, each=[-4.0, 1.9, 5.1]), "open"),  # one seed is far above
        (row(1.0, 0.4, seeds=[0]), "open"),
        (row(4.5, 0.2), "missed"),
    ],
)
def test_a_target_is_reached_missed_or_open(
    script: Callable[[str], ModuleType], found: dict[str, Any], wanted: str
) -> None:
    asked = script("asked")
    (wish,) = [each for each in asked.asked(GAN) if each.bits == "W4A8"]
    assert wish.limit == 4
    assert asked.verdict(found, wish) == wanted


def test_the_nearest_row_of_ours_is_judged(script: Callable[[str], ModuleType]) -> None:
    asked = script("asked")
    rows = [
        row(-5.0, 3.0, method="ganq.wide"),
        row(2.0, 0.4, method="ganq.sure+distill", third=row(6.0, 0.1), recall=-0.02),
        row(-9.0, 0.1, method="brevitas.gptq"),
        {"gan": "big", "bits": "W4A8", "method": "ganq.big", "limit": None, "psnr": 39.0, "worst": 31.0},
    ]
    found = {row["gan"]: row for row in asked.verdicts(rows)}
    sure = found[GAN]
    assert (sure["method"], sure["verdict"], sure["third_verdict"]) == (
        "ganq.sure+distill",
        "reached",
        "missed",
    )
    assert not sure["faithful"]
    assert found["big"]["verdict"] == "not met"  # the worst image
    page = "\n".join(asked.tables(list(found.values()), [], [DUEL]))
    assert "| reached | +6.20 %, SE 0.10 % | missed | no |" in page
    assert "in the third network:" in page
    assert "-1.0 ±0.2 % over inputs, ±0.5 %" in page


@pytest.mark.parametrize(
    ("theirs", "difference", "wanted"),
    [
        (
            row(9.0, 0.1),
            {"delta": -8.0, "half": 1.0, "half_over_inputs": 0.5, "psnr": 1.0},
            "better; 5 times",
        ),
        (
            row(9.0, 0.1),
            {"delta": -8.0, "half": 9.0, "half_over_inputs": 0.5, "psnr": 1.0},
            "under these seeds",
        ),
        (
            row(9.0, 0.1),
            {"delta": -8.0, "half": 9.0, "half_over_inputs": 9.0, "psnr": 9.0},
            "not shown to be",
        ),
        (row(6.0, 0.1), {"delta": -5.0, "half": 1.0, "half_over_inputs": 0.5, "psnr": 1.0}, "; not 5 times"),
        (row(1.0, 0.4), {"delta": 0.0, "half": 1.0, "half_over_inputs": 0.5, "psnr": 3.1}, "better; 5 times"),
        (
            row(0.1, 0.4),
            {"delta": 0.0, "half": 1.0, "half_over_inputs": 0.5, "psnr": 3.1},
            "loss is not shown",
        ),
        (row(1.0, 0.4), {"delta": 0.0, "half": 1.0, "half_over_inputs": 0.5, "psnr": 2.9}, "not shown to be"),
    ],
)
def test_a_row_beats_another_by_its_interval_or_by_its_images(
    script: Callable[[str], ModuleType], theirs: dict[str, Any], difference: dict[str, Any], wanted: str
) -> None:
    asked = script("asked")
    (wish,) = [each for each in asked.asked(GAN) if each.bits == "W4A8"]
    ours = row(1.0, 0.25) if theirs["delta"] > 1 else row(0.0, 0.05)
    assert wanted in asked.duel(ours, theirs, difference, wish)


def test_duels_are_paired_with_the_nearest_third_party(claim: ModuleType, tmp_path: Path) -> None:
    records = _records()
    found = claim.confirmed(claim.rows(records, tmp_path), [], tmp_path)
    duels = claim.duels(found, records, tmp_path)
    assert {duel["theirs"] for duel in duels} == {"brevitas.gptq"}
    assert all(duel["ours"].startswith("ganq.") for duel in duels)
    by_name = {row["method"]: row for row in found if row["bits"] == "W4A8"}
    for duel in duels:
        assert duel["bits"] == "W4A8"  # there is no third party at 8 bits
        both = [seed for seed in by_name["brevitas.gptq"]["seeds"] if seed in by_name[duel["ours"]]["seeds"]]
        assert duel["seeds"] == both
