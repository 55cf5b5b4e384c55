from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import site_factory as factory
from site_reader import Reader, dead_links, read_site

from ganqbench.records.rerun import make_rerun, write_rerun
from ganqbench.site import build
from ganqbench.site.columns import COST, METRICS
from ganqbench.suite import load_suite

BOARD = Path("mini-v1", factory.GAN, "index.html")
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \" ' & </title></textarea>"
    " \u202egnp.exe\u202c \0 \x1b[31m {{ 7*7 }} {% raw %} \u05e9\u05dc\u05d5\u05dd \U0001f600 " + "W" * 3000
)


def row_ids(page: Path) -> list[str]:
    return re.findall(r'<tr id="([^"]+)"', page.read_text())


def test_pages_are_well_formed_and_links_lead_somewhere(small: tuple[Path, Path]) -> None:
    pages = read_site(small[1])
    of_methods = [place for place in pages if place.parts[0] in ("methods", "backends")]
    assert len(pages) == len(of_methods) + 3 + 1 + 9
    assert Path("methods/brevitas.gptq.html") in of_methods
    assert Path("backends/brevitas.html") in of_methods
    assert [f"{place}: {fault}" for place, page in pages.items() for fault in page.faults] == []
    assert dead_links(small[1], pages) == []


def test_nothing_is_loaded_from_elsewhere(small: tuple[Path, Path]) -> None:
    for path in small[1].rglob("*"):
        if path.suffix in {".html", ".css", ".js"}:
            assert not re.search(r"(https?:)?//[a-z0-9]", path.read_text().replace("// ", "")), path
    sheets = " ".join(path.read_text() for path in (small[1] / "static").glob("*.css"))
    for address in re.findall(r'url\("?([^")]+)', sheets):
        assert (small[1] / "static" / address).is_file()


def test_fp32_first_then_by_psnr_then_without_result(small: tuple[Path, Path]) -> None:
    ids = row_ids(small[1] / BOARD)
    assert ids[0] == "fp32.baseline.FP32"
    assert ids[1:7] == [
        "brevitas.ptq-mse.W8A8",
        "pytorch_quantization.ptq-max.W8A8",
        "torch_ao.ptq-minmax.W8A8",
        "torch_ao.ptq-minmax.W4A8",
        "pytorch_quantization.ptq-max.W4A8",
        "brevitas.ptq-mse.W4A8",
    ]
    assert ids[7:] == ["torch_ao.ptq-histogram.W4A8", "brevitas.gptq.W4A4"]


def test_by_fid_where_there_is_one(tmp_path: Path) -> None:
    results = tmp_path / "results"
    fid = {"identity": "inception"}
    base = factory.document("fp32", "baseline", "FP32", metrics={"fid": factory.metric(3.0, 0.1, **fid)})
    factory.put(results, base)
    for method, value, psnr in (("worse", 9.0, 45.0), ("better", 2.9, 30.0)):
        metrics = {"psnr": factory.metric(psnr, 0.1), "fid": factory.metric(value, 0.1, **fid)}
        factory.put(results, factory.document("brevitas", method, metrics=metrics))
    build(results, tmp_path / "site")
    page = (tmp_path / "site" / BOARD).read_text()
    assert row_ids(tmp_path / "site" / BOARD) == [
        "fp32.baseline.FP32",
        "brevitas.better.W8A8",
        "brevitas.worse.W8A8",
    ]
    assert 'data-key="fid" data-kind="number" data-better="less"' in page
    assert 'aria-sort="ascending"' in page
    assert 'class="tick"' in page


def test_fp32_is_not_counted_as_a_row(small: tuple[Path, Path]) -> None:
    assert "8 quantized rows of 3 backends" in Reader(small[1] / BOARD).text
    assert "8 quantized rows, 2 without a result" in Reader(small[1] / "index.html").text


def test_resolution_is_told_only_where_it_is_known(small: tuple[Path, Path], tmp_path: Path) -> None:
    suite = load_suite("mini")
    where = factory.provenance(suite=suite.digest(factory.GAN))
    factory.put(tmp_path / "results", factory.document(provenance=where))
    build(tmp_path / "results", tmp_path / "site")
    resolution = suite.protocol[factory.GAN].resolution
    assert f"{resolution} × {resolution} px" in Reader(tmp_path / "site" / BOARD).text
    assert " px" not in Reader(small[1] / BOARD).text  # measured under another suite


def test_columns_that_nobody_fills_are_left_out(small: tuple[Path, Path]) -> None:
    page = (small[1] / BOARD).read_text()
    assert re.findall(r'<th scope="col"[^>]*data-key="([^"]+)"', page) == [
        *(
            "method",
            "backend",
            "bits",
            "rank",
            "psnr",
            "worst",
            "ssim",
            "mae",
            "audited",
            "size",
            "bops",
            "energy",
            "calibration",
        )
    ]


def test_seeds_of_a_row_stand_together(tmp_path: Path) -> None:
    results = tmp_path / "results"
    for seed, psnr in ((0, 40.0), (1, 42.0)):
        factory.put(results, factory.document(seed=seed, psnr=psnr))
    failed = factory.document(seed=2, status="failed", reason="out of memory")
    factory.put(results, failed)
    report = build(results, tmp_path / "site")
    assert row_ids(tmp_path / "site" / BOARD) == ["brevitas.ptq-mse.W8A8"]
    page = Reader(tmp_path / "site" / BOARD)
    assert "2 of 3 seeds" in page.text
    assert "41.00 ±1.40" in page.text
    runs = [path for path in report.files if re.search(r"\.s\d\.html$", path)]
    assert len(runs) == 3
    assert "out of memory" in Reader(tmp_path / "site" / runs[2]).text


def test_what_nobody_ran_again_is_self_reported(tmp_path: Path) -> None:
    results = tmp_path / "results"
    checked, other = factory.document(), factory.document(method="gptq", psnr=39.0)
    record = factory.put(results, checked)
    factory.put(results, other)
    build(results, tmp_path / "site")
    assert "all self-reported" in Reader(tmp_path / "site" / BOARD).text

    note = make_rerun(record, record, "<b>somebody</b>")
    write_rerun(note, results / record.cell.path)
    build(results, tmp_path / "site")
    assert "all self-reported" not in Reader(tmp_path / "site" / BOARD).text
    tags = {
        row: "Nobody has run this again" in row
        for row in (tmp_path / "site" / BOARD).read_text().split("<tr id=")[1:]
    }
    assert list(tags.values()) == [False, True]
    run = Reader(tmp_path / "site" / BOARD.parent / "brevitas.ptq-mse.W8A8.s0.html")
    assert "run again by <b>somebody</b> on 2026-11-24" in run.text

    factory.put(results, factory.document(psnr=38.5))  # another record in its place: the note goes
    build(results, tmp_path / "site")
    assert "all self-reported" in Reader(tmp_path / "site" / BOARD).text


def test_hostile_text_is_text(tmp_path: Path) -> None:
    results = tmp_path / "results"
    factory.small_board(results)
    where = factory.provenance(
        command=HOSTILE[:4000],
        hardware={"cpu": HOSTILE[:200], "isa": [], "cores": 1, "threads": 1, "os": HOSTILE[:200]},
        versions={HOSTILE[:150]: HOSTILE[:150]},
        inputs={"final": HOSTILE[:200]},
    )
    audit = factory.declared_audit("W8A8", 1024)
    audit["ops"][0]["site"] = HOSTILE[:200]
    metrics = {"psnr": factory.metric(50, 1, identity=HOSTILE[:200], note=HOSTILE)}
    factory.put(results, factory.document("brevitas", "evil", audit=audit, provenance=where, metrics=metrics))
    factory.put(
        results,
        factory.document("brevitas", "evil", "W4A8", status="failed", reason=HOSTILE, provenance=where),
    )
    (results / '<img src=x onerror="alert(3)">.json').write_text(f'{{"schema": "{"<b>" * 50}"}}')
    build(results, tmp_path / "site")
    pages = read_site(tmp_path / "site")
    assert [f"{place}: {fault}" for place, page in pages.items() for fault in page.faults] == []
    assert dead_links(tmp_path / "site", pages) == []
    for place, page in pages.items():
        source = (tmp_path / "site" / place).read_text()
        assert page.tags.count("script") == 5, place
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", source), place
    assert "<script>alert(1)</script>" in pages[BOARD].text
    assert "{{ 7*7 }}" in pages[BOARD].text


def test_a_run_page_has_what_it_takes_to_run_it_again(small: tuple[Path, Path]) -> None:
    page = Reader(small[1] / BOARD.parent / "brevitas.ptq-mse.W8A8.s0.html")
    names = f"--gan {factory.GAN} --adapter brevitas --method ptq-mse --bits W8A8 --seed 0"
    assert f"ganqbench run --suite mini {names}" in page.text
    for words in (
        "40.60 to 41.40",
        "conv_transpose2d",
        "100\u00a0% of MACs",
        "Invented CPU",
        "quantize",
        "avx2",
    ):
        assert words.replace("\u00a0", " ") in page.text.replace("\u00a0", " ")


def test_an_earlier_suite_is_not_what_the_command_runs(tmp_path: Path) -> None:
    newest = load_suite("mini").version
    folders = []
    for version, suite in ((1, "mini"), (newest, "mini"), (1, "mine")):
        cell = {"suite": suite, "suite_version": version}
        folders.append(factory.put(tmp_path / "results", factory.document(cell=cell)).cell.path.parent)
    build(tmp_path / "results", tmp_path / "site")
    earlier, now, own = (
        Reader(tmp_path / "site" / folder / "brevitas.ptq-mse.W8A8.s0.html").text for folder in folders
    )
    assert f"This record is of version 1 of the suite, the command runs version {newest}." in earlier
    assert "the command runs version" not in now
    assert "This suite does not come with GANQBench" in own
    assert "ganqbench run --suite results/mine-v1/suite.toml --gan" in own


def test_a_checkpoints_record_is_run_again_on_its_file(tmp_path: Path) -> None:
    """A method that only such records hold has no command: the reader hasn't got the file."""
    cell = {"suite": "own", "suite_version": 0, "gan": "sagan-0123456789ab", "method": "their-own"}
    record = factory.put(tmp_path / "results", factory.document(cell=cell))
    build(tmp_path / "results", tmp_path / "site")
    page = Reader(tmp_path / "site" / record.cell.path.with_suffix(".html"))
    names = "--gan sagan-0123456789ab --adapter brevitas --method their-own --bits W8A8 --seed 0"
    assert f"ganqbench run --checkpoint FILE {names}" in page.text
    assert "--suite own" not in page.text
    assert "ganqbench run" not in Reader(tmp_path / "site/methods/brevitas.their-own.html").text


def test_findings_are_true_and_linked(small: tuple[Path, Path]) -> None:
    page = Reader(small[1] / "index.html")
    words = page.text.replace("\u00a0", " ")
    assert "Best at W8A8" in words
    assert "with a PSNR of 41.00 dB" in words
    assert "the best method loses 10 dB; the packed model goes from 11.4 MB to 5.69 MB" in words
    assert "2 rows have no result (1 failed, 1 unsupported)" in words
    assert ("a", "href", f"mini-v1/{factory.GAN}/index.html#brevitas.ptq-mse.W8A8") in page.addresses


def test_the_comparison_works_without_javascript(small: tuple[Path, Path]) -> None:
    page = Reader(small[1] / BOARD)
    shown = [value for tag, name, value in page.addresses if tag == "img"]
    assert shown[:2] == ["fp32.baseline.FP32.s0.webp", "torch_ao.ptq-minmax.W4A8.s0.webp"]
    offered = [value for tag, name, value in page.addresses if name == "data-src"]
    assert len(offered) == 6


def test_tables_can_be_taken_away(small: tuple[Path, Path]) -> None:
    rows = json.loads((small[1] / "data/rows.json").read_text())
    with (small[1] / "data/rows.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(rows) == len(lines) == 9
    best = next(row for row in rows if row["method"] == "ptq-mse" and row["bits"] == "W8A8")
    assert best["psnr"] == 41.0
    assert best["fid"] is None
    assert json.loads((small[1] / "data/record.schema.json").read_text())["title"] == "Record"


def test_a_reason_is_no_formula(tmp_path: Path) -> None:
    reason = '=HYPERLINK("x")'
    factory.put(tmp_path / "results", factory.document(status="failed", reason=reason))
    build(tmp_path / "results", tmp_path / "site")
    with (tmp_path / "site/data/runs.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["reason"] == f"'{reason}"


@pytest.mark.parametrize("suffix", ["html", "css", "js"])
def test_pages_are_light(small: tuple[Path, Path], suffix: str) -> None:
    assert max(path.stat().st_size for path in small[1].rglob(f"*.{suffix}")) < 60_000


def test_the_protocol_explains_every_column(small: tuple[Path, Path]) -> None:
    page = (small[1] / "protocol.html").read_text(encoding="utf-8")
    missing = [column.title for column in (*METRICS, *COST) if f"<b>{column.title}</b>" not in page]
    assert missing == []
