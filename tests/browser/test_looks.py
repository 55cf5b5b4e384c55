"""What must hold on every page: access, widths, light and dark, print, a page without scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import browser_boards
import pytest
from browser_boards import BOARD, HOSTILE, PIXELS
from page_reader import SCREENS, overflow, violations

from ganqbench.site import build

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., "Page"]
RUN = BOARD.parent / "ganq.lsq+distill.W4A8.s0.html"
PAGES = [
    *("index.html", "methods/index.html", "methods/brevitas.gptq.html", "backends/torchao.html"),
    *("protocol.html", "data.html", str(PIXELS), str(RUN)),
]


@pytest.mark.parametrize(
    ("path", "width", "scheme"),
    [(path, *screen) for path in (str(BOARD), *PAGES) for screen in SCREENS],
)
def test_everybody_can_use_it(site: Path, look: Open, path: str, width: int, scheme: str) -> None:
    page = look(site / path, width=width, scheme=scheme)
    assert violations(page) == []
    assert overflow(page) == 0


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_everybody_can_use_it_while_it_is_used(site: Path, look: Open, width: int, scheme: str) -> None:
    page = look(site / BOARD, "?backend=brevitas,ganq&columns=all&sort=-size", width=width, scheme=scheme)
    page.locator("[data-item]").nth(2).click()
    page.locator("[data-enlarge]").first.click()
    page.locator(".area").nth(1).focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".plot .tip").nth(1).is_visible()
    assert violations(page) == []
    assert overflow(page) == 0


@pytest.mark.parametrize("path", [*PAGES, str(BOARD)])
def test_no_page_is_wider_than_the_window(site: Path, look: Open, path: str) -> None:
    page = look(site / path)
    for width in (320, 390, 600, 761, 900, 1024, 1339, 1340, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, width


def test_the_columns_fit_a_common_screen(site: Path, look: Open) -> None:
    page = look(site / BOARD)
    wide, shown = page.locator(".table.board").evaluate("table => [table.scrollWidth, table.clientWidth]")
    assert wide <= shown
    page.mouse.move(600, 400)
    page.locator("[data-board]").scroll_into_view_if_needed()
    page.locator("tbody tr").nth(30).scroll_into_view_if_needed()
    assert page.locator("thead th").first.bounding_box()["y"] >= 0  # the header stays in view


@pytest.mark.parametrize(("width", "query"), [(390, ""), (1000, ""), (1360, "?columns=all")])
def test_the_header_stays_where_the_table_scrolls_sideways(
    site: Path, look: Open, width: int, query: str
) -> None:
    page = look(site / BOARD, query, width=width)
    heading = page.locator("thead th[data-key=method]")
    page.locator("tbody tr[id]").nth(30).scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('thead').getBoundingClientRect().top >= -1")
    assert heading.bounding_box()["y"] < 60
    page.locator(".foot").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('thead').getBoundingClientRect().bottom <= 0")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function("!document.querySelector('thead').style.transform")


def test_latencies_fit_beside_the_rest(look: Open, tmp_path: Path) -> None:
    browser_boards.fill(tmp_path / "results", deployed=True)
    build(tmp_path / "results", tmp_path / "site")
    page = look(tmp_path / "site" / BOARD)
    wide, shown = page.locator(".table.board").evaluate("table => [table.scrollWidth, table.clientWidth]")
    assert wide <= shown
    assert "10.0" in page.locator("[id='brevitas.ptq-mse.W8A8'] .latency").inner_text()
    assert page.locator("[id='brevitas.gptq.W8A8'] .latency").inner_text() == "sim."
    assert page.locator(".plot", has_text="latency").locator("[data-row^='brevitas.gptq']").count() == 0


def test_on_a_phone_the_method_stays_in_view(site: Path, look: Open) -> None:
    page = look(site / BOARD, width=390)
    region = page.locator(".table.board")
    region.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.table.board').scrollLeft > 0")
    assert page.locator("tbody th").first.bounding_box()["x"] >= 0


@pytest.mark.parametrize("width", [390, 820, 1360])
def test_the_way_to_every_page_is_short(site: Path, look: Open, width: int) -> None:
    page = look(site / BOARD, width=width)
    # The published site has one more link, to its documentation.
    page.evaluate(
        "document.querySelector('.more .theme').before(Object.assign(document.querySelector('.more a')"
        ".cloneNode(), {textContent: 'Docs'}))"
    )
    brand, more = (page.locator(f".top .{name}").bounding_box() for name in ("brand", "more"))
    assert abs(brand["y"] + brand["height"] / 2 - more["y"] - more["height"] / 2) < 2  # in one line
    chosen = page.locator(".gans [aria-current]").bounding_box()
    assert chosen["x"] + chosen["width"] <= width


def test_on_a_phone_the_quality_is_seen_at_once(site: Path, look: Open) -> None:
    page = look(site / BOARD, width=390)
    interval = page.locator("tbody tr:not(.base) .lead-grid .pm").first.bounding_box()
    assert interval["x"] + interval["width"] <= 390
    assert page.get_by_text("dot and line show both").is_hidden()  # neither of them is there
    assert page.locator("thead th[data-key=backend]").inner_text().strip().startswith("Backend")


def test_the_table_keeps_its_corners(site: Path, look: Open) -> None:
    radius = "cell => getComputedStyle(cell).borderTopRightRadius"
    for query, last in (("", "thead th:not(.extra)"), ("?columns=all", "thead th")):
        page = look(site / BOARD, query)
        assert page.locator(last).last.is_visible()
        assert page.locator(last).last.evaluate(radius) == "12px"


def test_on_a_phone_no_filter_is_cut_off(site: Path, look: Open) -> None:
    page = look(site / BOARD, width=390)
    chips = page.locator(".filters .chip:visible")
    assert chips.count() > 8
    assert chips.evaluate_all("chips => chips.every(chip => chip.scrollWidth <= chip.clientWidth)")


def test_answers_come_first_and_the_rest_on_demand(site: Path, look: Open) -> None:
    page = look(site / "index.html")
    first = page.locator(".finding").first
    assert "Best at W8A8" in first.inner_text()
    assert "of each backend" not in first.inner_text()
    summary = first.locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert "of each backend" in first.inner_text()


@pytest.mark.parametrize("path", [str(BOARD), str(PIXELS), "index.html", "methods/index.html"])
def test_it_is_whole_without_scripts(site: Path, look: Open, path: str) -> None:
    page = look(site / path, width=1360, java_script_enabled=False)
    assert page.locator(".js-only:visible").count() == 0
    if "mini" not in path:
        page.locator("label", has_text="W4A8").first.click()
        assert page.locator(".maps > .table:visible").count() == 1
        assert "W4A8" in page.locator(".maps > .table:visible").get_attribute("aria-label")
        return
    assert page.locator("tbody tr[id]:visible").count() == page.locator("tbody tr[id]").count()
    hidden = page.locator(".extra:not(:visible)")
    assert page.locator(".extra").count() > 0
    assert hidden.count() == 0
    left, right = (page.locator(f".side.{side}").bounding_box() for side in ("left", "right"))
    assert left["x"] + left["width"] <= right["x"]


@pytest.mark.parametrize("width", [1060, 718])  # A4 with the browser's margins, lying and upright
def test_the_printed_page_reads_well(site: Path, look: Open, width: int) -> None:
    page = look(site / BOARD, width=width)
    page.emulate_media(media="print")
    assert page.locator(".top, .filters, .controls").locator("visible=true").count() == 0
    assert page.locator("tbody tr[id]:visible").count() == page.locator("tbody tr[id]").count()
    wide, shown = page.locator(".table.board").evaluate("table => [table.scrollWidth, table.clientWidth]")
    assert wide <= shown
    assert overflow(page) == 0
    assert page.locator(".plot svg").first.is_visible()
    names = page.locator("tbody tr[id] .backend span")
    assert min(names.evaluate_all("all => all.map(one => one.offsetWidth)")) > 20  # not by colour alone
    page.goto((site / "methods/index.html").as_uri())
    assert page.locator(".maps > .table:visible").count() == page.locator(".maps > .table").count() > 1


def test_hostile_records_are_text(hostile: Path, look: Open) -> None:
    seen = ""
    page = look(hostile / "index.html")
    for path in sorted(hostile.rglob("*.html")):
        if path.parent.name in ("methods", "backends") and "a" * 64 not in path.name:
            continue
        page.goto(path.as_uri())
        assert page.title() != "broken", path
        assert page.locator("img[onerror], img[src=x]").count() == 0, path
        for width in (390, 1360):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) == 0, (path, width)
        assert page.evaluate("[...document.scripts].every(one => one.src && !one.textContent)"), path
        seen += page.locator("body").inner_text()
    for words in ("<script>", "{{ 7*7 }}", "\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "nan.json"):
        assert words in seen
    assert HOSTILE[:40] in seen
    assert "\u202e" not in seen


def test_a_number_that_is_none_is_no_row(hostile: Path, look: Open) -> None:
    page = look(hostile / "data.html")
    assert "nan.json" in page.locator(".faults").inner_text()
    board = look(hostile / BOARD)
    assert "NaN" not in board.locator(".table.board").inner_text()


def test_everybody_can_use_a_hostile_board(hostile: Path, look: Open) -> None:
    assert violations(look(hostile / BOARD, width=390)) == []
