"""Plots, the map of methods and generators, recipes, latencies and the pages of methods."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import site_factory as factory
from site_reader import Reader

from ganqbench.errors import UserError
from ganqbench.records.store import seal
from ganqbench.site import build
from ganqbench.site.ablation import ablation
from ganqbench.site.assemble import boards
from ganqbench.site.axis import logarithmic, straight, symmetric
from ganqbench.site.board import Board
from ganqbench.site.catalogue import catalogue
from ganqbench.site.heatmap import heatmaps
from ganqbench.site.ideas import IDEAS
from ganqbench.site.load import load
from ganqbench.site.plot import HEIGHT, plots
from ganqbench.site.support import read_support
from ganqbench.site.timings import fastest, timed

N = 2048
WHERE = {"protocol": {"resolution": 32, "calibrate": 4, "final": N, "batch": 2}}
SPACE = f"[net@abc pil n={N} ref=123]"


def put(results: Path, method: str, bits: str, delta: float | None, seconds: float = 5, **more: Any) -> None:
    adapter = "fp32" if bits == "FP32" else "brevitas"
    metrics = {"fid": factory.metric(2.0 + (delta or 0), 0.05, identity=f"fid{SPACE}", n=N)}
    if delta is not None:
        metrics["fid_delta"] = factory.metric(delta, 0.01, identity=f"fid_delta{SPACE}", n=N)
    where = factory.provenance(**WHERE)
    made = factory.document(adapter, method, bits, metrics=metrics, provenance=where, seconds=seconds, **more)
    factory.put(results, made)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """FP32 at 2.0, a good wide row, a bad narrow one, and a dear one that neither helps nor harms."""
    put(tmp_path, "baseline", "FP32", None)
    put(tmp_path, "ptq-mse", "W8A8", 0.01, seconds=10)
    put(tmp_path, "ptq-minmax", "W8A8", 0.05, seconds=100)
    put(tmp_path, "ptq-mse", "W4A8", 3.0, seconds=1)
    put(tmp_path, "qat-lsq", "W4A8", 2.0, seconds=1)
    put(tmp_path, "qat-lsq", "W4A8", -0.05, seconds=500, cell={"recipe": "distill"})
    (found,) = boards(load(tmp_path).runs)
    return found


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        (logarithmic, [0.5, 3.0, 4e6]),
        (logarithmic, [1.24, 1.24]),
        (logarithmic, [11.2, 11.9, 12.3]),
        (straight, [20.0, 31.0, 44.0]),
        (lambda values: symmetric(values, 0.01), [-0.3, -0.01, 0.0, 0.02, 700.0]),
        (lambda values: symmetric(values, 0.1), [0.001, 0.002]),
    ],
)
def test_an_axis_keeps_order_and_its_ticks(axis: Any, values: list[float]) -> None:
    made = axis(values)
    places = [made.place(value) for value in values]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)
    assert made.ticks
    assert list(made.ticks) == sorted(made.ticks)
    assert len(made.ticks) <= 12


def test_a_plot_has_every_row_once_and_in_its_place(board: Board) -> None:
    size, bops, calibration = plots(board)
    assert [plot.cost for plot in (size, bops, calibration)] == ["bytes", "bops", "calibration_s"]
    for plot in (size, bops, calibration):
        assert sorted(point.row.id for point in plot.points) == sorted(row.id for row in board.results)
        by_quality = sorted(plot.points, key=lambda point: point.row.get("fid_delta"))
        heights = [point.y for point in by_quality]
        assert heights == sorted(heights, reverse=True)  # better is lower
        assert all(0 <= point.high < point.y < point.low <= HEIGHT for point in plot.points)
    times = sorted(calibration.points, key=lambda point: point.row.get("calibration_s"))
    assert [point.x for point in times] == sorted(point.x for point in times)
    assert calibration.zero is not None
    better = next(point for point in calibration.points if point.row.recipe)
    assert better.y > calibration.zero  # below the line of FP32: better than it


def test_the_front_is_a_staircase(board: Board) -> None:
    calibration = plots(board)[2]
    # 1 s with +2.0, 10 s with +0.01, 500 s with -0.05: two steps of two pieces.
    assert len(calibration.front) == 4
    for piece in calibration.front:
        assert piece.x1 == piece.x2 or piece.y1 == piece.y2


def test_one_row_makes_no_plot(tmp_path: Path) -> None:
    put(tmp_path, "baseline", "FP32", None)
    put(tmp_path, "ptq-mse", "W8A8", 0.01)
    (found,) = boards(load(tmp_path).runs)
    assert plots(found) == ()


def test_the_map_has_a_shade_for_each_loss(board: Board) -> None:
    wide, narrow = heatmaps({board.gan: (board,)})
    assert (wide.bits, narrow.bits) == ("W8A8", "W4A8")
    # Shares of FP32's 2.0: 0.5 % and 2.5 %; less than nothing, 100 % and 150 %.
    assert [line.fields[0].shade for line in wide.lines] == [1, 2]
    assert [line.fields[0].shade for line in narrow.lines] == [0, 4, 5]


def test_the_map_takes_paired_differences_before_pixels(board: Board, tmp_path: Path) -> None:
    pixels = tmp_path / "pixels"
    for bits in ("FP32", "W8A8"):
        adapter, method = ("fp32", "baseline") if bits == "FP32" else ("brevitas", "ptq-mse")
        made = factory.document(adapter, method, bits, cell={"suite": "full", "suite_version": 1})
        factory.put(pixels, made)
    (other,) = boards(load(pixels).runs)
    wide = heatmaps({board.gan: (other, board)})[0]
    assert wide.boards == (board,)


def test_the_map_takes_the_newest_version_of_the_suite_with_most_methods(
    board: Board, tmp_path: Path
) -> None:
    few = {"suite": "claim", "suite_version": 1}
    put(tmp_path / "few", "baseline", "FP32", None, cell=few)
    put(tmp_path / "few", "ptq-mse", "W8A8", 0.01, cell=few)
    old = {"suite": "mini", "suite_version": 0}
    put(tmp_path / "old", "baseline", "FP32", None, cell=old)
    for method in ("ptq-mse", "ptq-minmax", "gptq"):
        put(tmp_path / "old", method, "W8A8", 0.01, cell=old)
    (claim,), (earlier,) = (boards(load(tmp_path / name).runs) for name in ("few", "old"))
    assert heatmaps({board.gan: (claim, board, earlier)})[0].boards == (board,)
    assert heatmaps({board.gan: (claim, earlier)})[0].boards == (earlier,)


def test_recipes_stand_side_by_side(board: Board) -> None:
    found = ablation(board)
    assert found is not None
    assert found.titles == ("as calibrated", "distillation")
    (line,) = found.lines
    assert [row.recipe if row else "" for row in line.rows] == [None, "distill"]
    assert line.best is not None
    assert line.best.recipe == "distill"


def test_without_recipes_there_is_no_ablation(small: tuple[Path, Path]) -> None:
    assert ablation(boards(load(small[0]).runs)[0]) is None


def test_a_row_shows_its_fastest_integer_graph_and_fp32_its_own() -> None:
    slow = factory.INTEGER | {"runtime": "onnxruntime", "latency_ms": factory.PLAIN["latency_ms"]}
    deploy = factory.deploy(slow, factory.INTEGER, factory.PLAIN, factory.NO_GRAPH)
    quantized = seal(factory.document(deploy=deploy))
    assert [(line.runtime, line.kind) for line in timed(quantized)] == [
        ("openvino", "int8"),
        ("onnxruntime", "fp32"),
        ("onnxruntime", "int8"),
    ]
    assert fastest(quantized) == timed(quantized)[0]
    baseline = seal(factory.document("fp32", "baseline", "FP32", deploy=factory.deploy(factory.PLAIN)))
    assert fastest(baseline) == timed(baseline)[0]
    assert timed(seal(factory.document())) == ()


def test_every_method_is_described_and_has_its_command(small: tuple[Path, Path]) -> None:
    owners = catalogue(boards(load(small[0]).runs), {})
    entries = [entry for owner in owners for entry in owner.entries]
    ours = [entry for entry in entries if entry.method is not None]
    assert len(ours) > 40
    missing = [entry.name for entry in ours if entry.backend.slug != "other" and entry.slug not in IDEAS]
    assert missing == []  # each needs a line in bench/site/ideas.py
    shown = {entry.name: entry for entry in entries}
    page = Reader(small[1] / shown["brevitas.ptq-mse"].path)
    assert "--adapter brevitas --method ptq-mse --bits" in page.text
    assert "Banner et al. 2019" in page.text
    assert "mean squared rounding error" in page.text
    assert len(shown["brevitas.ptq-mse"].rows) == 2


def test_the_matrix_says_where_a_method_holds(small: tuple[Path, Path], tmp_path: Path) -> None:
    lines = [
        {"method": "brevitas.gptq", "arch": "sagan", "bits": "W8A8", "status": "ok", "reason": ""},
        {
            "method": "brevitas.gptq",
            "arch": "stylegan2",
            "bits": "W8A8",
            "status": "skipped",
            "reason": "<b>no</b>",
        },
    ]
    (tmp_path / "matrix.json").write_text(json.dumps(lines))
    build(small[0], tmp_path / "site", tmp_path / "matrix.json")
    page = Reader(tmp_path / "site/methods/brevitas.gptq.html")
    assert "SAGAN holds StyleGAN2 ∅ <b>no</b>" in page.text
    assert "Where it applies" not in Reader(small[1] / "methods/brevitas.gptq.html").text
    assert read_support(tmp_path / "absent.json") == {}


@pytest.mark.parametrize("text", ["{", '[{"method": 1}]', "\x00"])
def test_a_broken_matrix_is_said_plainly(tmp_path: Path, text: str) -> None:
    (tmp_path / "matrix.json").write_text(text)
    with pytest.raises(UserError, match="not a matrix"):
        read_support(tmp_path / "matrix.json")


def test_parquet_holds_what_csv_holds(small: tuple[Path, Path]) -> None:
    for name in ("data/rows", "data/runs", f"mini-v1/{factory.GAN}/rows"):
        packed = pd.read_parquet(io.BytesIO((small[1] / f"{name}.parquet").read_bytes()))
        lines = json.loads((small[1] / f"{name}.json").read_text())
        assert list(packed.columns) == list(lines[0])
        assert packed["psnr"].dtype == "float64"
        assert [None if pd.isna(value) else value for value in packed["psnr"]] == [
            line["psnr"] for line in lines
        ]


def test_ticks_leave_room_for_what_they_say() -> None:
    # Four figures take more room than two.
    wide = logarithmic([1550.0, 3100.0])
    narrow = logarithmic([15.5, 31.0])
    assert len(wide.ticks) < len(narrow.ticks)
    for axis in (wide, narrow):
        places = [axis.place(tick) * 220 for tick in axis.ticks]
        halves = [len(f"{tick:g}") * 7 / 2 for tick in axis.ticks]
        for at in range(1, len(places)):
            assert places[at] - halves[at] > places[at - 1] + halves[at - 1] + 9


@pytest.mark.parametrize(("rows", "words"), [(0, "no row was timed"), (1, "one row alone was timed")])
def test_a_missing_latency_plot_is_explained(tmp_path: Path, rows: int, words: str) -> None:
    put(tmp_path / "results", "baseline", "FP32", None)
    put(tmp_path / "results", "ptq-mse", "W8A8", 0.01, deploy=factory.deploy() if rows else None)
    put(tmp_path / "results", "ptq-mse", "W4A8", 0.5)
    build(tmp_path / "results", tmp_path / "site")
    page = Reader(tmp_path / f"site/mini-v1/{factory.GAN}/index.html")
    assert f"Latency is not plotted: {words}" in page.text
