"""What the site calls best, smallest or no worse is what the intervals carry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import site_factory as factory

from ganqbench.site.ablation import ablation
from ganqbench.site.assemble import boards
from ganqbench.site.board import Board
from ganqbench.site.findings import findings
from ganqbench.site.judge import judged
from ganqbench.site.load import load

N = 2048
SPACE = f"[net@abc pil n={N} ref=123]"
WHERE = factory.provenance(protocol={"resolution": 32, "calibrate": 4, "final": N, "batch": 2})


def put(results: Path, method: str, bits: str, delta: float | None, half: float | None, **more: Any) -> None:
    """A row's seed with this difference to FP32 and its interval, where it has one."""
    note = more.pop("note", None)
    kinds = {"n": N, "note": note}
    metrics = {"fid": factory.metric(1 + (delta or 0), 0.05, identity=f"fid{SPACE}", **kinds)}
    if delta is not None:
        metrics["fid_delta"] = factory.metric(delta, half or 0, identity=f"fid_delta{SPACE}", **kinds)
        if half is None:
            metrics["fid_delta"] |= {"low": None, "high": None}
    adapter = "fp32" if bits == "FP32" else "brevitas"
    factory.put(results, factory.document(adapter, method, bits, metrics=metrics, provenance=WHERE, **more))


def board_of(results: Path) -> Board:
    (board,) = boards(load(results).runs)
    return board


@pytest.fixture
def results(tmp_path: Path) -> Path:
    put(tmp_path, "baseline", "FP32", None, None)
    return tmp_path


def test_a_seed_without_an_interval_leaves_the_row_without(results: Path) -> None:
    put(results, "ptq-mse", "W8A8", -0.0002, 0.0015)
    put(results, "ptq-mse", "W8A8", 3.0, None, cell={"seed": 1})
    (row,) = board_of(results).results
    assert row.get("fid_delta") == pytest.approx(1.4999)
    assert row.span("fid_delta") is None
    assert row.judged is not None
    assert row.judged.slug == "open"
    assert row.judged.why == "there is no interval"


def test_seeds_with_intervals_keep_their_widest(results: Path) -> None:
    put(results, "ptq-mse", "W8A8", 0.001, 0.002)
    put(results, "ptq-mse", "W8A8", 0.003, 0.001, cell={"seed": 1})
    failed = {"status": "failed", "reason": "NaN", "cell": {"seed": 2}, "provenance": WHERE}
    factory.put(results, factory.document("brevitas", "ptq-mse", "W8A8", **failed))
    (row,) = board_of(results).results
    assert row.span("fid_delta") == pytest.approx((-0.001, 0.004))
    assert row.judged is not None
    assert row.judged.holds


def test_a_difference_outside_its_interval_is_not_judged() -> None:
    values = {"fid_delta": 1.5, "fid_delta_low": -0.0017, "fid_delta_high": 0.0013, "fid_delta_n": N}
    found = judged(values, f"fid_delta{SPACE}", {"fid": 1.0, "fid_n": N}, f"fid{SPACE}", N)
    assert found is not None
    assert found.slug == "open"
    assert "outside its own interval" in found.why


def test_the_best_recipe_is_bold_where_it_beats_the_others_for_sure(results: Path) -> None:
    def best(**more: Any) -> list[str | None]:
        put(results, "qat-lsq", "W4A8", 0.5, 0.1, **more)
        put(results, "qat-lsq", "W4A8", 0.35, 0.1, cell={"recipe": "distill"}, **more)
        put(results, "qat-lsq", "W4A4", 0.5, 0.1, **more)
        put(results, "qat-lsq", "W4A4", 0.1, 0.1, cell={"recipe": "distill"}, **more)
        found = ablation(board_of(results))
        assert found is not None
        return [line.best and line.best.recipe for line in found.lines]

    assert best() == [None, "distill"]
    assert best(note="886 images for 192 features: no rank") == [None, None]


def test_two_recipes_that_tie_at_the_top_are_both_plain(results: Path) -> None:
    put(results, "qat-lsq", "W4A8", 0.5, 0.1)
    put(results, "qat-lsq", "W4A8", 0.1, 0.1, cell={"recipe": "distill"})
    put(results, "qat-lsq", "W4A8", 0.15, 0.1, cell={"recipe": "adversarial"})
    found = ablation(board_of(results))
    assert found is not None
    assert [line.best for line in found.lines] == [None]


def test_the_smallest_models_are_of_the_width_that_is_named(results: Path) -> None:
    for method, bits, size in (
        ("ptq-mse", "W4A8", 100_000),
        ("gptq", "W4A8", 100_500),
        ("ptq-max", "W4A4", 100_200),
    ):
        put(results, method, bits, 0.0, 0.001, audit=factory.audit(bits, bytes=size))
    (said,) = [
        text
        for line in findings(board_of(results), [])
        if (text := "".join(part.text for part in line)).startswith("Smallest")
    ]
    linked = [
        part.path or ""
        for line in findings(board_of(results), [])
        if line[0].text.startswith("Smallest")
        for part in line
    ]
    assert "100\u00a0kB at W4A8" in said
    assert [path.partition("#")[2] for path in linked if path] == [
        "brevitas.gptq.W4A8",
        "brevitas.ptq-mse.W4A8",
    ]


def test_rows_whose_size_is_not_shown_hold_all_the_same(results: Path) -> None:
    audit = factory.audit("W4A8")
    audit["ops"].append(audit["ops"][0] | {"site": "fir", "exempt": True})  # of before sizes were mended
    put(results, "ptq-mse", "W4A8", 0.0, 0.001, audit=audit)
    board = board_of(results)
    assert board.results[0].get("bytes") is None
    said = ["".join(part.text for part in line) for line in findings(board, [])]
    assert any(text.startswith("1 of 1 row is no worse than FP32 within 2") for text in said)
    assert not any("Smallest" in text for text in said)
