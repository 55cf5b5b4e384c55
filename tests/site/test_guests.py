"""What others put into the folder of a site outlives the next build."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from site_reader import BOARD, contents

from ganqbench.errors import UserError
from ganqbench.site import build
from ganqbench.site import build as build_function
from ganqbench.site.earlier import MARKER

RECORD = f"{BOARD}/brevitas.ptq-mse.W8A8.s0"


@pytest.fixture
def site(small: tuple[Path, Path], tmp_path: Path) -> Path:
    """A site of the small board that may be changed."""
    return Path(shutil.copytree(small[1], tmp_path / "site"))


@pytest.fixture
def fewer(small: tuple[Path, Path], tmp_path: Path) -> Path:
    """The results without one record."""
    results = Path(shutil.copytree(small[0], tmp_path / "results"))
    for path in results.glob(f"{RECORD}.*"):
        path.unlink()
    return results


def put(path: Path, text: str = "mine") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("not here")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.parametrize("links", [True, False])
def test_what_others_added_stays(
    small: tuple[Path, Path], fewer: Path, site: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        no_links(monkeypatch)
    guests = ["CNAME", ".git", "notes/deep/a.txt", "static/mine.css", f"{BOARD}/mine.html", "run.sh"]
    for name in guests:
        put(site / name, name)
    (site / "run.sh").chmod(0o750)
    (site / "empty/er").mkdir(parents=True)
    (site / "notes").chmod(0o700)
    os.utime(site / "CNAME", ns=(10**18, 10**18))
    # Twice: what was carried over is not taken for the site's.
    for results in (fewer, small[0], fewer):
        report = build(results, site)
        assert set(contents(site)) == {*report.files, *guests}
        assert all((site / name).read_text() == name for name in guests)
    assert not list(site.glob(f"{RECORD}.*"))
    assert (site / "empty/er").is_dir()
    assert (site / "run.sh").stat().st_mode & 0o777 == 0o750
    assert (site / "notes").stat().st_mode & 0o777 == 0o700
    assert (site / "CNAME").stat().st_mtime_ns == 10**18
    assert {path.name for path in site.parent.iterdir()} == {"results", "site"}


@pytest.mark.parametrize("links", [True, False])
def test_links_stay_links(
    small: tuple[Path, Path], site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        no_links(monkeypatch)
    put(tmp_path / "outside/thesis.tex")
    leads = {"folder": "../outside", "file": "../outside/thesis.tex", "nowhere": "gone", "self": "."}
    for name, where in leads.items():
        (site / name).symlink_to(where)
    build(small[0], site)
    assert {name: os.readlink(site / name) for name in leads} == leads
    assert contents(tmp_path / "outside") == {"thesis.tex": b"mine"}


def test_a_link_in_the_place_of_a_page_that_goes_is_not_the_sites(fewer: Path, site: Path) -> None:
    page = site / f"{RECORD}.html"
    page.unlink()
    page.symlink_to("elsewhere.html")
    build(fewer, site)
    assert os.readlink(page) == "elsewhere.html"
    assert not (site / f"{RECORD}.json").exists()


def test_the_sites_own_files_win(small: tuple[Path, Path], site: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside/thesis.tex").parent
    (site / "protocol.html").unlink()
    put(site / "protocol.html/inner.txt")
    put(site / "data.html")
    shutil.rmtree(site / "data")
    put(site / "data")
    shutil.rmtree(site / "static")
    (site / "static").symlink_to(outside)
    build(small[0], site)
    assert contents(site) == contents(small[1])
    assert not (site / "static").is_symlink()
    assert contents(outside) == {"thesis.tex": b"mine"}


def test_a_folder_goes_with_its_pages_and_stays_with_others(
    small: tuple[Path, Path], site: Path, tmp_path: Path
) -> None:
    docs = put(tmp_path / "docs/index.html").parent
    put(docs / "css/base.css")
    build(small[0], site, docs=docs)
    put(site / BOARD / "mine/a.txt")
    report = build(tmp_path / "nothing", site)
    assert not (site / "docs").exists()
    assert set(contents(site)) == {*report.files, f"{BOARD}/mine/a.txt"}


def test_without_a_readable_marker_nothing_is_taken_for_the_sites(fewer: Path, site: Path) -> None:
    put(site / "CNAME")
    put(site / MARKER, '{"pages": [')
    report = build(fewer, site)
    left = {path.relative_to(site).as_posix() for path in site.glob(f"{RECORD}.*")}
    assert len(left) > 1
    assert set(contents(site)) == {*report.files, *left, "CNAME"}


def test_what_cannot_be_taken_over_stops_the_build(
    small: tuple[Path, Path], site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    put(site / "CNAME")
    os.mkfifo(site / "pipe")  # can be linked, not copied
    before = contents(site)
    with pytest.raises(UserError, match="pipe"):
        build(small[0], site)
    assert contents(site) == before
    assert (site / "pipe").is_fifo()
    assert [path.name for path in site.parent.iterdir()] == ["site"]


@pytest.mark.parametrize("step", ["_take_over", "_swap"])
def test_a_crash_loses_nothing(
    small: tuple[Path, Path], site: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put(site / "notes/a.txt")
    before = contents(site)
    whole = build_function.__globals__[step]

    def crash(*given: Path) -> None:
        if step == "_take_over":
            whole(*given)
        raise KeyboardInterrupt

    monkeypatch.setitem(build_function.__globals__, step, crash)
    with pytest.raises(KeyboardInterrupt):
        build(site.parent / "nothing", site)
    assert contents(site) == before
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_a_new_page_takes_a_guests_name_for_good(small: tuple[Path, Path], fewer: Path, site: Path) -> None:
    build(fewer, site)
    put(site / f"{RECORD}.html")
    build(small[0], site)
    assert (site / f"{RECORD}.html").read_bytes() == (small[1] / f"{RECORD}.html").read_bytes()
    build(fewer, site)
    assert not (site / f"{RECORD}.html").exists()
