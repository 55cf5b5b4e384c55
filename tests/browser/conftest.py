"""A real browser over invented boards. Every test fails on a page error or a foreign request."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Helpers lie beside the tests and beside the site's, which are imported by path and not as packages.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "site")]

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
Open = Callable[..., "Page"]
PATIENCE = 600_000
"""Milliseconds that a page may take: a browser on a busy machine is slow, which is no fault of a page."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if shutil.which("chromium"):
        return
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="no chromium on the path: apt-get install chromium"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board of 60 rows with distances, failures and recipes, beside one of pixels alone."""
    import browser_boards

    from ganqbench.site import build

    folder = tmp_path_factory.mktemp("browser")
    browser_boards.fill(folder / "results")
    report = build(folder / "results", folder / "site", Path(__file__).parents[2] / "docs/method-matrix.json")
    assert report.faults == ()
    return folder / "site"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of records that try to break it."""
    import browser_boards

    from ganqbench.site import build

    folder = tmp_path_factory.mktemp("hostile")
    browser_boards.fill_hostile(folder / "results")
    build(folder / "results", folder / "site")
    return folder / "site"


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with one board of 321 rows."""
    import browser_boards

    from ganqbench.site import build

    folder = tmp_path_factory.mktemp("large")
    browser_boards.fill_large(folder / "results")
    assert build(folder / "results", folder / "site").faults == ()
    return folder / "site"


# Not for the session: the browser's event loop would go on running under the tests of other modules.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS.split(), timeout=PATIENCE
        )
        yield running
        running.close()


@pytest.fixture
def look(browser: Browser) -> Iterator[Open]:
    """Opens a page of a site from disk: `look(site / "index.html", width=390, scheme="dark")`."""
    troubles: list[str] = []
    contexts = []

    def opened(path: Path, query: str = "", width: int = 1360, scheme: str = "light", **more: object) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", **more
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
        page.on(
            "console",
            lambda said: (
                troubles.append(f"console: {said.text}") if said.type in ("error", "warning") else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                troubles.append(f"foreign request: {request.url}")
                if not request.url.startswith(("file:", "data:", "blob:"))
                else None
            ),
        )
        page.on(
            "requestfailed",
            # Aborted: the page was left before its images had come.
            lambda request: (
                troubles.append(f"failed request: {request.url}")
                if request.failure != "net::ERR_ABORTED"
                else None
            ),
        )
        page.goto(path.as_uri() + query)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []
