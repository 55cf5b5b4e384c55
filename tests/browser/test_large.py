"""A table of more than 300 rows: in pages where there is a script, whole where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from browser_boards import BOARD
from page_reader import KB, head, ids, overflow, packed, violations

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., "Page"]
PAGE = 100


def test_a_page_at_a_time(large: Path, look: Open) -> None:
    from playwright.sync_api import expect

    page = look(large / BOARD)
    where = page.locator("[data-where]")
    expect(where).to_have_text("Page 1 of 4")
    first = ids(page)
    assert len(first) == 1 + PAGE
    assert page.get_by_role("button", name="Previous").is_disabled()
    page.get_by_role("button", name="Next").click()
    expect(where).to_have_text("Page 2 of 4")
    second = ids(page)
    assert second[0] == first[0] == "fp32.baseline.FP32"
    assert not set(first[1:]) & set(second[1:])
    assert urlsplit(page.url).query == "page=2"
    page.reload()
    assert ids(page) == second
    # The order is that of all rows, not that of a page.
    head(page, "calibration").get_by_role("button").click()
    head(page, "calibration").get_by_role("button").click()
    expect(where).to_have_text("Page 1 of 4")
    assert "method-319" in ids(page)[1]
    page.get_by_role("searchbox").fill("method-2")
    expect(page.locator("[data-pager]")).to_be_hidden()
    expect(page.locator("[data-count]")).to_have_text("101 of 321 rows")
    assert violations(page) == []


def test_a_link_to_a_row_turns_to_its_page(large: Path, look: Open) -> None:
    from playwright.sync_api import expect

    last = next(reversed((large / BOARD).read_text().split('<tr id="')[1:])).split('"')[0]
    page = look(large / BOARD, f"#{last}")
    expect(page.locator("[data-where]")).to_have_text("Page 4 of 4")
    expect(page.locator("tr:target")).to_be_in_viewport()
    page.evaluate("location.hash = document.querySelectorAll('tbody tr[id]')[1].id")
    expect(page.locator("[data-where]")).to_have_text("Page 1 of 4")


def test_an_address_that_is_none_of_ours_shows_the_table(large: Path, look: Open) -> None:
    from playwright.sync_api import expect

    nonsense = ("?page=1.5", "?page=-3", "?page=x&sort=-nothing,,&backend=", "?sort=constructor#%E0%A4%A")
    for address in nonsense:
        page = look(large / BOARD, address)
        expect(page.locator("[data-where]")).to_have_text("Page 1 of 4")
        assert len(ids(page)) == 1 + PAGE
    expect(look(large / BOARD, "?page=1e9").locator("[data-where]")).to_have_text("Page 4 of 4")


def test_print_and_a_browser_without_scripts_have_all_rows(large: Path, look: Open) -> None:
    page = look(large / BOARD, java_script_enabled=False)
    assert len(ids(page)) == 321
    assert page.locator("[data-pager]").is_hidden()
    page = look(large / BOARD)
    page.emulate_media(media="print")
    assert len(ids(page)) == 321


def test_a_large_board_is_light_too(large: Path, look: Open) -> None:
    page = look(large / BOARD, width=390)
    assert overflow(page) == 0
    static = [
        path for path in (large / "static").rglob("*") if path.suffix in (".css", ".js", ".svg", ".woff2")
    ]
    assert packed(large / BOARD) + sum(map(packed, static)) <= 200 * KB
