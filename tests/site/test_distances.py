from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import site_factory as factory
from site_reader import Reader, dead_links, read_site

from ganqbench.site import build
from ganqbench.site.assemble import boards
from ganqbench.site.board import Board
from ganqbench.site.findings import findings
from ganqbench.site.load import load

N = 2048
SPACE = f"[net@abc pil n={N} ref=123]"
WHERE = {"protocol": {"resolution": 32, "calibrate": 4, "final": N, "batch": 2}}


def distances(fid: float, delta: float | None, half: float, **more: Any) -> dict[str, Any]:
    kinds = {"n": N, **more}
    found = {"fid": factory.metric(fid, 0.05, identity=f"fid{SPACE}", **kinds)}
    if delta is not None:
        found["fid_delta"] = factory.metric(delta, half, identity=f"fid_delta{SPACE}", **kinds)
        found["psnr"] = factory.metric(40, 0.1, worst=20, n=N)
    return found


def put(results: Path, method: str, bits: str, metrics: dict[str, Any], **more: Any) -> None:
    adapter = "fp32" if bits == "FP32" else "brevitas"
    where = factory.provenance(**WHERE)
    factory.put(results, factory.document(adapter, method, bits, metrics=metrics, provenance=where, **more))


def board_of(results: Path) -> Board:
    (board,) = boards(load(results).runs)
    return board


def words(board: Board) -> str:
    return "\n".join("".join(part.text for part in line) for line in findings(board, [])).replace(
        "\u00a0", " "
    )


def assert_all_linked(board: Board) -> None:
    """Every sentence leads to rows of its board."""
    rows = {row.id for row in board.rows} | {"results"}
    for line in findings(board, []):
        paths = [part.path for part in line if part.path]
        assert paths, line
        assert all(path.split("#")[0] == board.path and path.split("#")[1] in rows for path in paths)


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """FP32 at 1.0 and a row for each verdict; the margin is 0.02."""
    results = tmp_path / "results"
    put(results, "baseline", "FP32", distances(1.0, None, 0))
    put(results, "better", "W8A8", distances(0.99, -0.010, 0.009))
    put(results, "same", "W8A8", distances(1.004, 0.004, 0.009))
    put(results, "open", "W8A8", distances(1.01, 0.01, 0.03))
    put(results, "worse", "W4A8", distances(1.5, 0.5, 0.03))
    return results


def test_every_verdict_is_shown(four: Path, tmp_path: Path) -> None:
    verdicts = {row.method: row.judged.slug for row in board_of(four).rows if row.judged}
    assert verdicts == {"better": "better", "same": "same", "open": "open", "worse": "worse"}
    build(four, tmp_path / "site")
    pages = read_site(tmp_path / "site")
    assert [fault for page in pages.values() for fault in page.faults] == []
    assert dead_links(tmp_path / "site", pages) == []
    text = pages[Path("mini-v1", factory.GAN, "index.html")].text
    for shown in ("−0.0100 ±0.0090 better", "+0.0040 ±0.0090 ≈ FP32", "±0.030 not decided", "±0.030 worse"):
        assert shown in text
    assert "net@abc pil n=2048 ref=123" in text


def test_ranks_are_spans_and_ties_are_ties(four: Path) -> None:
    board = board_of(four)
    ranks = {row.method: board.ranks[row.id] for row in board.results}
    assert ranks == {"better": (1, 3), "same": (1, 3), "open": (1, 3), "worse": (4, 4)}
    assert "a tie with 2 other rows, whose intervals overlap" in words(board)


def test_the_smallest_that_holds_is_named(four: Path) -> None:
    text = words(board_of(four))
    assert "Smallest model no worse than FP32 within 2 %: 11.4 MB at W8A8" in text
    assert "2 of 4 rows are no worse" in text
    assert_all_linked(board_of(four))
    assert "Best at W4A8: worse, Brevitas, with an FID of 1.500" in text
    assert "+0.500 ±0.030 against FP32: worse than FP32 (one seed, 40.00 dB from its images)" in text


def test_a_verdict_says_on_how_many_seeds_it_rests(four: Path) -> None:
    put(four, "worse", "W4A8", distances(1.5, 0.5, 0.03), cell={"seed": 1})
    assert "worse than FP32 (2 seeds, 40.00 dB from its images)" in words(board_of(four))


def test_what_is_free_is_named(four: Path, tmp_path: Path) -> None:
    # Methods that nobody knows have no kind: whether they are free, nobody knows either.
    assert "No backend is no worse than FP32 by calibration alone." in words(board_of(four))
    put(four, "ptq-mse", "W4A8", distances(1.004, 0.004, 0.009))
    put(four, "ptq-mse", "W8A8", distances(1.004, 0.004, 0.009))
    put(four, "adaround", "W4A4", distances(1.004, 0.004, 0.009))
    # Rounding that is learned layer by layer is calibration, too; what is trained end to end is not.
    assert "By calibration alone no worse than FP32: Brevitas down to W4A4." in words(board_of(four))
    put(four, "qat-minmax", "W3A8", distances(1.004, 0.004, 0.009))
    assert "By calibration alone no worse than FP32: Brevitas down to W4A4." in words(board_of(four))


def test_nobody_holds(tmp_path: Path) -> None:
    put(tmp_path, "baseline", "FP32", distances(1.0, None, 0))
    put(tmp_path, "worse", "W4A8", distances(1.5, 0.5, 0.03))
    board = board_of(tmp_path)
    assert "No row is shown to be no worse than FP32 within 2 % of its FID." in words(board)
    assert "calibration alone" not in words(board)
    assert_all_linked(board)


@pytest.mark.parametrize("seed", [0, 1], ids=["another row", "another seed of a row"])
def test_two_identities_never_share_a_column(four: Path, tmp_path: Path, seed: int) -> None:
    method = "same" if seed else "foreign"
    foreign = distances(0.2, 0.1, 0.01)
    foreign["fid"]["identity"] = "fid[inception@fff pil n=2048 ref=123]"
    put(four, method, "W8A8", foreign, cell={"seed": seed})
    board = board_of(four)
    assert board.lead.key == "psnr"
    assert [one.metric for one in board.dropped] == ["fid"]
    assert all(row.get("fid") is None for row in board.rows)
    assert {row.judged.slug for row in board.rows if row.judged} == {"open"}
    build(four, tmp_path / "site")
    text = Reader(tmp_path / "site" / board.path).text
    assert "FID is left out : the records mean different things by it" in text
    assert "inception@fff" in text
    lines = json.loads((tmp_path / "site/data/rows.json").read_text())
    one = next(line for line in lines if line["method"] == method)
    assert one["fid"] == (None if seed else 0.2)


def test_another_number_of_images_earns_no_verdict(tmp_path: Path) -> None:
    put(tmp_path, "baseline", "FP32", distances(1.0, None, 0, n=500))
    put(tmp_path, "same", "W8A8", distances(1.0, 0.0, 0.001, n=500))
    (row,) = board_of(tmp_path).results
    assert row.judged is not None
    assert row.judged.slug == "open"
    assert "2048 images" in row.judged.why


def test_too_few_images_give_no_rank(tmp_path: Path) -> None:
    note = "886 images for 192 features: fewer than 10 each, no rank"
    put(tmp_path / "results", "baseline", "FP32", distances(1.0, None, 0, note=note))
    for place in (1, 2):
        metrics = distances(1 + place, float(place), 0.01, note=note)
        put(tmp_path / "results", f"m{place}", "W8A8", metrics)
    board = board_of(tmp_path / "results")
    assert board.ranks == {}
    assert "Lowest FID at W8A8" in words(board)
    assert f"The order by FID is no ranking here ({note})." in words(board)
    assert_all_linked(board)
    build(tmp_path / "results", tmp_path / "site")
    page = Reader(tmp_path / "site" / board.path)
    assert f"No rank. {note}" in page.text
    assert "Best W8A8" not in page.text


def test_kinds_of_distances_are_text(tmp_path: Path) -> None:
    hostile = distances(1.0, 0.1, 0.1)
    hostile["fid"]["identity"] = "fid[<script>alert(1)</script>\u202e]"
    hostile["fid"]["note"] = "<b>no rank</b>"
    put(tmp_path / "results", "evil", "W8A8", hostile)
    put(tmp_path / "results", "same", "W8A8", distances(1.0, 0.0, 0.001))
    build(tmp_path / "results", tmp_path / "site")
    pages = read_site(tmp_path / "site")
    assert [fault for page in pages.values() for fault in page.faults] == []
    assert all("<script>alert" not in (tmp_path / "site" / place).read_text() for place in pages)
