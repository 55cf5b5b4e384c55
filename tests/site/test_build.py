from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import site_factory as factory
from site_reader import BOARD, contents, dead_links, read_site

from ganqbench.errors import UserError
from ganqbench.site import build
from ganqbench.site import build as build_function


def test_the_same_results_give_the_same_bytes(small: tuple[Path, Path], tmp_path: Path) -> None:
    results, out = small
    # Another folder, and files that come into being in another order.
    copy = tmp_path / "elsewhere"
    for path in sorted(results.rglob("*"), reverse=True):
        if path.is_file():
            target = copy / path.relative_to(results)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    build(copy, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(out)


def test_the_report_names_what_was_written(small: tuple[Path, Path], tmp_path: Path) -> None:
    results, _ = small
    report = build(results, tmp_path / "site")
    assert report.records == 9
    assert set(report.files) == set(contents(tmp_path / "site"))
    assert f"{BOARD}/index.html" in report.files
    assert [path for path in tmp_path.iterdir() if path.name != "site"] == []


def test_built_documentation_becomes_part_of_the_site(small: tuple[Path, Path], tmp_path: Path) -> None:
    results, without = small
    docs, out = tmp_path / "docs", tmp_path / "site"
    (docs / "css").mkdir(parents=True)
    (docs / "index.html").write_text("<!doctype html><title>Docs</title>")
    (docs / "css/base.css").write_text("")
    build(results, out, docs=docs)
    assert (out / "docs/index.html").read_bytes() == (docs / "index.html").read_bytes()
    assert (out / "docs/css/base.css").is_file()
    assert 'href="docs/index.html"' in (out / "index.html").read_text()
    build(results, out, docs=tmp_path / "not built")
    assert contents(out) == contents(without)


def test_a_crash_leaves_the_old_site(
    small: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, _ = small
    build(results, tmp_path / "site")
    before = contents(tmp_path / "site")

    def crash(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setitem(build_function.__globals__, "render", crash)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "nothing", tmp_path / "site")
    assert contents(tmp_path / "site") == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_build_replaces_the_earlier_one_entirely(small: tuple[Path, Path], tmp_path: Path) -> None:
    results, _ = small
    build(results, tmp_path / "site")
    build(tmp_path / "nothing", tmp_path / "site")
    assert not (tmp_path / "site" / BOARD).exists()


def test_a_foreign_folder_is_not_replaced(small: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="not a site"):
        build(small[0], tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("out", [".", "site", ".."])
def test_site_and_results_never_lie_in_one_another(small: tuple[Path, Path], out: str) -> None:
    with pytest.raises(UserError, match="in one another"):
        build(small[0], small[0] / out)


@pytest.mark.parametrize("exists", [True, False])
def test_no_results_give_a_friendly_page(tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "results").mkdir()
    report = build(tmp_path / "results", tmp_path / "site")
    assert (report.records, report.faults) == (0, ())
    pages = read_site(tmp_path / "site")
    assert "No results yet" in pages[Path("index.html")].text
    assert "ganqbench run --suite mini" in pages[Path("index.html")].text
    assert [fault for page in pages.values() for fault in page.faults] == []
    assert dead_links(tmp_path / "site", pages) == []


def test_links_and_pipes_are_listed_and_not_followed(tmp_path: Path) -> None:
    results = tmp_path / "results"
    factory.small_board(results)
    folder = results / BOARD
    linked, pictured = folder / "brevitas.ptq-mse.W8A8.s0.json", folder / "brevitas.ptq-mse.W4A8.s0.webp"
    for path in (linked, pictured):
        shutil.move(path, tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    os.mkfifo(folder / "pipe.json")
    report = build(results, tmp_path / "site")
    faulty = {fault.path.rpartition("/")[2] for fault in report.faults}
    assert faulty == {linked.name, "pipe.json", "brevitas.ptq-mse.W4A8.s0.json"}
    assert all("link" in str(fault) for fault in report.faults)


def test_what_is_invalid_is_listed_and_never_a_row(tmp_path: Path) -> None:
    results = tmp_path / "results"
    factory.small_board(results)
    folder = results / BOARD
    good = next(folder.glob("brevitas.ptq-mse.W8A8*.json")).read_bytes()
    (folder / "truncated.json").write_bytes(good[:200])
    (folder / "brevitas.ptq-copy.W8A8.s0.json").write_bytes(good)
    (folder / "edited.json").write_bytes(good.replace(b'"value":41', b'"value":99'))
    (results / "foreign.json").write_text('{"hello": "<b>world</b>"}')
    deeper = results / "copy" / BOARD
    deeper.mkdir(parents=True)
    for file in folder.glob("brevitas.ptq-mse.W8A8*"):
        shutil.copyfile(file, deeper / file.name)
    (folder / "torch_ao.ptq-minmax.W8A8.s0.webp").write_bytes(b"RIFF\0\0\0\0WEBP another image")
    (folder / "torch_ao.ptq-minmax.W4A8.s0.webp").unlink()

    report = build(results, tmp_path / "site")

    faulty = {fault.path.rpartition("/")[2] for fault in report.faults}
    assert faulty == {
        "truncated.json",
        "brevitas.ptq-copy.W8A8.s0.json",
        "edited.json",
        "foreign.json",
        "brevitas.ptq-mse.W8A8.s0.json",
        "torch_ao.ptq-minmax.W8A8.s0.json",
        "torch_ao.ptq-minmax.W4A8.s0.json",
    }
    assert report.records == 7
    pages = read_site(tmp_path / "site")
    for fault in report.faults:
        assert fault.path in pages[Path("data.html")].text
    board = pages[Path(BOARD, "index.html")]
    assert "brevitas.ptq-mse.W8A8" in board.ids
    assert not {"torch_ao.ptq-minmax.W8A8", "torch_ao.ptq-minmax.W4A8", "brevitas.ptq-copy.W8A8"} & board.ids
    assert not list((tmp_path / "site" / "copy").rglob("*"))


def test_records_are_offered_as_they_are(small: tuple[Path, Path]) -> None:
    results, out = small
    for path in results.rglob("*.json"):
        assert (out / path.relative_to(results)).read_bytes() == path.read_bytes()


def test_building_needs_no_torch(small: tuple[Path, Path], tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ganqbench.site import build; "
        f"build(Path({str(small[0])!r}), Path({str(tmp_path / 'site')!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
