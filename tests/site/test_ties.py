"""What is called the best, the fastest or the smallest says who shares its place, or is not said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import site_factory as factory
from site_reader import Reader

from ganqbench.site import build
from ganqbench.site.assemble import boards
from ganqbench.site.board import Board
from ganqbench.site.errata import SIZES_MENDED
from ganqbench.site.findings import findings
from ganqbench.site.ingredients import ingredients
from ganqbench.site.load import load
from ganqbench.site.pareto import front

SPACE = "[net@abc pil n=2048 ref=123]"
WHERE = factory.provenance(protocol={"resolution": 32, "calibrate": 4, "final": 2048, "batch": 2})


def put(results: Path, method: str, bits: str, delta: float, half: float = 0.009, **more: Any) -> None:
    metrics = {"fid": factory.metric(1 + delta, 0.05, identity=f"fid{SPACE}", n=2048)}
    if bits != "FP32":
        metrics["fid_delta"] = factory.metric(delta, half, identity=f"fid_delta{SPACE}", n=2048)
        metrics["psnr"] = factory.metric(40, 0.1, worst=20, n=2048)
    adapter = "fp32" if bits == "FP32" else more.pop("adapter", "brevitas")
    made = factory.document(adapter, method, bits, metrics=metrics, **{"provenance": WHERE, **more})
    factory.put(results, made)


def board_of(results: Path) -> Board:
    (board,) = boards(load(results).runs)
    return board


def words(board: Board) -> str:
    lines = ("".join(part.text for part in line) for line in findings(board, []))
    return "\n".join(lines).replace("\u00a0", " ")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    put(tmp_path / "results", "baseline", "FP32", 0.0)
    return tmp_path / "results"


def test_the_first_with_every_layer_at_the_width_names_its_ties(results: Path) -> None:
    put(results, "ends8", "W4A8", -0.1, audit=factory.declared_audit("W4A8"))
    for place, delta in enumerate((0.1, 0.105, 0.5)):
        put(results, f"plain-{place}", "W4A8", delta)
    (line,) = [line for line in words(board_of(results)).splitlines() if "every layer at W4A8" in line]
    assert "plain-0" in line
    assert line.endswith("; a tie with 1 other row, whose intervals overlap.")


def test_the_figures_above_a_board_name_ties(results: Path, tmp_path: Path) -> None:
    for place, delta in enumerate((0.1, 0.105, 0.108)):
        put(results, f"m{place}", "W8A8", delta)
    put(results, "alone", "W4A8", 0.2)
    build(results, tmp_path / "site")
    page = Reader(tmp_path / "site" / board_of(results).path)
    assert page.text.count("a tie with 2 other rows, whose intervals overlap") == 1


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_what_ran_in_no_integer_kernel_is_not_the_fastest(share: float, results: Path) -> None:
    for place, milliseconds in enumerate((4.0, 5.2, 9.0)):  # the intervals of the first two lie near only
        graph = factory.graph("openvino", "int8", milliseconds, 8 / milliseconds) | {"integer_share": share}
        put(results, f"m{place}", "W8A8", 0.1, deploy=factory.deploy(graph, factory.PLAIN))
    put(
        results,
        "floating",
        "W8A8",
        0.2,
        deploy=factory.deploy(
            factory.graph("openvino", "int8", 1.0, 9.0) | {"integer_share": 0.0}, factory.PLAIN
        ),
    )
    said = words(board_of(results))
    if share:
        assert "Of 3 rows that ran in integer kernels, the fastest is m0" in said
        assert "4.00 ms for one image (a tie with 1 other row), 2.00 times as fast" in said
    else:
        assert "4 rows were timed as integer graphs; no integer kernel ran." in said
        assert "the fastest" not in said


def test_nothing_is_the_smallest_while_a_size_is_withheld(results: Path) -> None:
    old = {**WHERE, "finished": "2026-11-29T00:00:00Z"}
    withheld = factory.audit("W4A8")
    withheld["ops"].append(withheld["ops"][0] | {"site": "fir", "exempt": True, "weights": 16, "macs": 16})
    put(results, "new", "W8A8", 0.0, provenance={**WHERE, "finished": SIZES_MENDED})
    assert "Smallest model" in words(board_of(results))
    assert [row.method for row in front(board_of(results), "bytes")] == ["new"]
    put(results, "old", "W4A8", 0.0, provenance=old, audit=withheld)
    assert "Smallest model" not in words(board_of(results))
    assert "2 of 2 rows are no worse than FP32" in words(board_of(results))
    assert front(board_of(results), "bytes") == ()
    assert len(front(board_of(results), "bops")) == 1


def test_a_mean_over_fewer_generators_is_no_place_in_the_order(tmp_path: Path) -> None:
    for gan in ("sagan-cifar10", "stylegan2-cifar10"):
        cell = {"suite": "study", "gan": gan}
        put(tmp_path, "baseline", "FP32", 0.0, cell=cell)
        put(tmp_path, "ptq-mse", "W4A8", 0.5, cell=cell, adapter="ganq")
        if gan == "sagan-cifar10":
            put(tmp_path, "even", "W4A8", 0.5, cell=cell, adapter="ganq")
    lines = ingredients(boards(load(tmp_path).runs)).split("### Calibrated alone")[1].splitlines()
    assert [line.split("`")[1] for line in lines if "`" in line] == ["ganq.ptq-mse", "ganq.even"]


def test_a_boards_file_mixes_nothing_that_its_page_does_not(results: Path, tmp_path: Path) -> None:
    put(results, "same", "W8A8", 0.1)
    other = {"fid": factory.metric(0.2, 0.1, identity="fid[other@fff pil n=2048 ref=123]", n=2048)}
    other["psnr"] = factory.metric(40, 0.1, worst=20, n=2048)
    factory.put(results, factory.document(method="foreign", metrics=other, provenance=WHERE))
    build(results, tmp_path / "site")
    (file,) = (tmp_path / "site" / board_of(results).folder).glob("rows.json")
    lines = json.loads(file.read_text())
    assert {line["fid"] for line in lines} == {None}
    assert {line["psnr"] for line in lines if line["bits"] != "FP32"} == {40.0}
