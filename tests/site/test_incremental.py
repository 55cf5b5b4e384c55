"""A build over an earlier site: what is unchanged is taken from there, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import site_factory as factory
from site_reader import BOARD, contents

from ganqbench.adapter import load_adapter
from ganqbench.cell import Cell
from ganqbench.site import SiteReport, build, earlier, names, stamps
from ganqbench.site.earlier import MARKER
from ganqbench.suite import load_suite

OTHER = "sagan-cifar10"
PACKAGE = stamps._package


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two adapters' pages, and sources that nobody edits between two builds of a test."""
    two = {name: load_adapter(name) for name in ("brevitas", "torch_ao")}
    monkeypatch.setattr(names, "adapters", lambda: two)
    monkeypatch.setattr(stamps, "_package", cache(lambda: tuple(PACKAGE())))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two boards."""
    folder = tmp_path / "results"
    factory.small_board(folder)
    for adapter, method, bits in (("fp32", "baseline", "FP32"), ("brevitas", "ptq-mse", "W8A8")):
        factory.put(folder, factory.document(adapter, method, bits, cell={"gan": OTHER}))
    return folder


def made_anew(results: Path, out: Path, layers: Path | None = None) -> set[str]:
    """The pages and tables that a build makes; what comes out is that of a build from nothing."""
    report = build(results, out, layers=layers)
    whole = out.parent / "whole"
    assert build(results, whole, layers=layers).kept == ()
    assert contents(out) == contents(whole)
    shutil.rmtree(whole)
    return made(report, out) - set(report.kept)


def made(report: SiteReport, out: Path) -> set[str]:
    """The files that are made and not copied, which the marker calls made of themselves."""
    pages = json.loads((out / MARKER).read_text())["pages"]
    assert {*pages, MARKER} == set(report.files)
    return {path for path, one in pages.items() if one["of"] != one["sha256"]}


def test_nothing_changed_nothing_is_made(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"
    first = build(results, out)
    assert made(first, out) > {"index.html", f"{BOARD}/index.html", "data/runs.parquet"}
    times = {path: (out / path).stat().st_mtime_ns for path in first.files if path != MARKER}

    def never(*_: object) -> str:
        raise AssertionError("rendered again")

    monkeypatch.setitem(build.__globals__, "render", never)
    again = build(results, out)
    assert set(again.kept) == made(first, out)
    assert {path: (out / path).stat().st_mtime_ns for path in times} == times


def test_a_new_record_changes_its_board_and_what_shows_all(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(results, out)
    factory.put(results, factory.document("torch_ao", "ptq-mse", "W8A8", psnr=38.0))
    fresh = made_anew(results, out)
    assert {"index.html", "data.html", "data/rows.csv", f"{BOARD}/index.html"} <= fresh
    assert f"{BOARD}/rows.json" in fresh
    assert "protocol.html" not in fresh
    assert not [path for path in fresh if OTHER in path]


@pytest.mark.parametrize("change", ["number", "image", "note", "gone"])
def test_every_input_counts(results: Path, tmp_path: Path, change: str) -> None:
    out = tmp_path / "site"
    build(results, out)
    page = f"{BOARD}/brevitas.ptq-mse.W8A8.s0.html"
    record = results / page.replace(".html", ".json")
    if change == "number":
        factory.put(results, factory.document("brevitas", "ptq-mse", "W8A8", psnr=39.123))
    elif change == "image":
        shade = factory.strip(7)
        factory.put(results, factory.document("brevitas", "ptq-mse", "W8A8", psnr=41.0, image=shade), shade)
    elif change == "note":
        note = rerun_of(record)
        record.with_suffix(".rerun.json").write_text(json.dumps(note))
    else:
        record.unlink()
    fresh = made_anew(results, out)
    assert f"{BOARD}/index.html" in fresh
    assert (page in fresh) == (change != "gone")
    assert (out / page).exists() == (change != "gone")


def rerun_of(record: Path) -> dict[str, object]:
    read = json.loads(record.read_text())
    return {
        "schema": 1,
        "record": read["hash"],
        "again": read["hash"],
        "who": "somebody else",
        "hardware": read["provenance"]["hardware"],
        "versions": {},
        "commit": None,
        "finished": "2026-11-24T12:00:00Z",
        "compared": 3,
    }


def test_a_new_board_is_linked_from_every_page(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(results, out)
    factory.put(results, factory.document("fp32", "baseline", "FP32", cell={"gan": "stylegan2-cifar10"}))
    fresh = made_anew(results, out)
    assert {path for path in fresh if path.endswith(".html")} == {
        path.relative_to(out).as_posix() for path in out.rglob("*.html")
    }


def test_a_version_that_becomes_whole_is_told_on_the_earlier_ones_page(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    *first, last = (cell for cell in load_suite("mini").cells() if cell.gan == factory.GAN)

    def measure(cell: Cell) -> None:
        where = cell.model_dump(mode="json")
        factory.put(results, factory.document(cell.adapter, cell.method, str(cell.bits), cell=where))

    for cell in first:
        measure(cell)
    build(results, out)
    assert "has taken its place" not in (out / BOARD / "index.html").read_text()
    measure(last)
    fresh = made_anew(results, out)
    assert f"{BOARD}/index.html" in fresh
    assert "has taken its place" in (out / BOARD / "index.html").read_text()
    assert f"{BOARD}/brevitas.ptq-mse.W8A8.s0.html" not in fresh


def test_code_templates_and_layers_count(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, layers = tmp_path / "site", tmp_path / "layers.json"
    everything = made(build(results, out), out)
    layer = {"site": "model.0", "psnr": 30.0, "low": None, "high": None}
    where = {"suite": "mini", "suite_version": 1, "gan": factory.GAN, "bits": "W4A8", "items": 12}
    layers.write_text(json.dumps([{**where, "weights": factory.provenance()["weights"], "layers": [layer]}]))
    assert made_anew(results, out, layers) == everything
    assert "Which layers suffer" in (out / BOARD / "index.html").read_text()
    monkeypatch.setattr(stamps, "_tools", lambda: iter([["jinja2", "another"]]))
    assert made_anew(results, out, layers) == everything


def test_every_source_file_is_in_the_digest(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    templates = tmp_path / "templates"
    shutil.copytree(root / "site", templates)
    before = stamps.base(templates)
    assert before == stamps.base(templates)
    (templates / "templates/macros.html.j2").write_text("changed")
    assert stamps.base(templates) != before
    # What a build imports, while no adapter is there: of those only the words count.
    script = """
import sys
from functools import cache
from pathlib import Path
import ganqbench.adapter
ganqbench.adapter.entry_points = lambda **_: ()
from ganqbench.site import build
build(Path(sys.argv[1]), Path(sys.argv[2]))
print(*(one.__file__ for name, one in sys.modules.items() if name.split(".")[0] == "ganqbench"), sep="\\n")
"""
    code = [sys.executable, "-c", script, str(tmp_path / "none"), str(tmp_path / "built")]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    package = Path(stamps.__file__).parents[1]
    used = {Path(line).relative_to(package).as_posix() for line in done.stdout.splitlines() if line[0] == "/"}
    held = {path for path, _ in PACKAGE()}
    assert used > {"site/plot.py", "records/schema.py", "adapter.py"}
    assert used <= held
    assert "suites/mini.toml" in held


@pytest.mark.parametrize("damage", ["page", "link", "marker", "older", "nothing"])
def test_a_site_that_somebody_changed_is_made_whole(results: Path, tmp_path: Path, damage: str) -> None:
    out = tmp_path / "site"
    everything = made(build(results, out), out)
    if damage == "page":
        (out / "protocol.html").write_text("<p>nonsense")
    elif damage == "link":
        (tmp_path / "elsewhere.html").write_bytes((out / "protocol.html").read_bytes())
        (out / "protocol.html").unlink()
        (out / "protocol.html").symlink_to(tmp_path / "elsewhere.html")
    elif damage == "marker":
        (out / MARKER).write_text('{"pages": [')
    elif damage == "older":
        (out / MARKER).write_text("Built by ganqbench; the next build replaces this folder.\n")
    else:
        (out / "protocol.html").unlink()
    fresh = made_anew(results, out)
    assert fresh == ({"protocol.html"} if damage in ("page", "link", "nothing") else everything)
    assert not (out / "protocol.html").is_symlink()


def test_without_hard_links_the_bytes_are_copied(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"
    build(results, out)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("not here")

    monkeypatch.setattr(earlier.os, "link", refuse)
    assert made_anew(results, out) == set()
