"""How the board is used: sort, filter, address, compare, copy; by hand and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_boards import BOARD
from page_reader import head, ids

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., "Page"]


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_sort_filter_address_reload(site: Path, look: Open) -> None:
    from playwright.sync_api import expect

    page = look(site / BOARD)
    everything = ids(page)
    head(page, "size").get_by_role("button").click()
    expect(head(page, "size")).to_have_attribute("aria-sort", "ascending")
    head(page, "size").get_by_role("button").click()
    expect(head(page, "size")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Brevitas").click()
    page.get_by_role("button", name="ganq").click()
    page.locator("[data-facet=bits][data-value=W4A8]").click()
    page.get_by_role("searchbox").fill("lsq")
    expect(page.get_by_role("status")).to_contain_text(f"of {len(everything)} rows")
    assert query(page) == {
        "backend": ["brevitas,ganq"],
        "bits": ["W4A8"],
        "q": ["lsq"],
        "sort": ["-size"],
    }
    shown = ids(page)
    assert {row.split(".")[0] for row in shown[1:]} == {"ganq"}
    assert all(row.endswith("W4A8") for row in shown[1:])
    assert shown[0] == "fp32.baseline.FP32"
    page.reload()
    expect(head(page, "size")).to_have_attribute("aria-sort", "descending")
    assert ids(page) == shown
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_role("status")).to_contain_text("without a result")
    assert sorted(ids(page)) == sorted(everything)
    assert "?sort=-size" in page.url
    head(page, "fid").get_by_role("button").click()
    assert urlsplit(page.url).query == ""
    assert ids(page) == everything


def test_back_shows_what_the_address_says(site: Path, look: Open) -> None:
    from playwright.sync_api import expect

    page = look(site / BOARD, "?backend=ganq&sort=-size")
    shown = ids(page)
    page.evaluate("location.hash = 'results'")
    page.get_by_role("button", name="Reset").click()
    head(page, "fid").get_by_role("button").click()
    everything = ids(page)
    assert len(everything) > len(shown)
    page.go_back()
    expect(page.locator("[data-facet=backend][data-value=ganq]")).to_have_attribute("aria-pressed", "true")
    expect(head(page, "size")).to_have_attribute("aria-sort", "descending")
    assert ids(page) == shown
    page.go_forward()
    expect(head(page, "fid")).to_have_attribute("aria-sort", "ascending")
    assert ids(page) == everything


def test_a_second_heading_orders_what_the_first_leaves_equal(site: Path, look: Open) -> None:
    page = look(site / BOARD)
    head(page, "bits").get_by_role("button").click()
    head(page, "size").get_by_role("button").focus()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    assert query(page) == {"sort": ["-bits,-size"]}
    assert head(page, "bits").get_attribute("aria-sort") == "descending"
    assert page.locator("thead [aria-sort]").count() == 1  # one heading is announced as the order
    assert "descending" in head(page, "size").get_by_role("button").get_attribute("aria-description")
    places = [column(page, key) for key in ("bits", "size")]
    pairs = page.locator("tbody tr[id]:not(.base)").evaluate_all(
        "(rows, places) => rows.map(row => places.map(place => row.cells[place].dataset.v ?? null))", places
    )
    for bits in ("W8A8", "W6A6", "W4A8"):
        sizes = [float(size) for width, size in pairs if width == bits and size is not None]
        assert len(sizes) > 3
        assert sizes == sorted(sizes, reverse=True)
    assert [width for width, _ in pairs] == sorted((width for width, _ in pairs), reverse=True)
    shown = ids(page)
    page.reload()
    assert ids(page) == shown
    head(page, "fid").get_by_role("button").click()
    assert urlsplit(page.url).query == ""


def test_declared_layers_can_be_left_out(site: Path, look: Open) -> None:
    page = look(site / BOARD)
    row = page.locator("[id='ganq.smooth-gptq-ends8.W4A8']")
    assert row.get_by_text("1 layer at W8A8").first.is_visible()
    page.locator("[data-facet=layers][data-value=uniform]").click()
    assert query(page) == {"layers": ["uniform"]}
    assert row.is_hidden()
    assert len(ids(page)) > 30
    page.goto((site / BOARD).as_uri() + "?layers=declared")
    assert ids(page) == ["fp32.baseline.FP32", "ganq.smooth-gptq-ends8.W4A8"]


@pytest.mark.parametrize("key", ["method", "backend", "bits", "fid", "fid_delta", "size", "calibration"])
def test_fp32_stays_first_and_missing_last(site: Path, look: Open, key: str) -> None:
    page = look(site / BOARD)
    for _ in range(2):
        head(page, key).get_by_role("button").click()
        assert ids(page)[0] == "fp32.baseline.FP32"
        values = page.locator("tbody tr[id]:not(.base)").evaluate_all(
            f"rows => rows.map(row => row.cells[{column(page, key)}].dataset.v ?? null)"
        )
        known = [value is not None for value in values]
        assert known == sorted(known, reverse=True)
        if key in ("fid", "fid_delta", "size", "calibration"):
            numbers = [float(value) for value in values if value is not None]
            falling = head(page, key).get_attribute("aria-sort") == "descending"
            assert numbers == sorted(numbers, reverse=falling)


def column(page: Page, key: str) -> int:
    return head(page, key).evaluate("head => head.cellIndex")


def test_plots_show_what_the_table_shows(site: Path, look: Open) -> None:
    page = look(site / BOARD, "?backend=ganq")
    shown = set(ids(page))
    assert page.locator(".plot").count() >= 3
    marks = page.locator(".plot").first.locator("[data-row]:visible")
    found = set(marks.evaluate_all("marks => marks.map(mark => mark.dataset.row)"))
    assert found
    assert found <= shown
    place = page.locator(".plot use >> nth=0").evaluate("mark => mark.getAttribute('y')")
    page.get_by_role("button", name="Reset").click()
    assert page.locator(".plot use >> nth=0").evaluate("mark => mark.getAttribute('y')") == place
    assert page.locator(".plot").first.locator("[data-row]:visible").count() > len(found)


def test_the_walk_by_keyboard(site: Path, look: Open) -> None:
    from playwright.sync_api import expect

    page = look(site / BOARD)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    walk(page, lambda: page.evaluate("document.activeElement.dataset.value") == "W8A8")
    page.keyboard.press("Space")
    expect(page.locator(":focus")).to_have_attribute("aria-pressed", "true")
    assert query(page) == {"bits": ["W8A8"]}
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    walk(page, lambda: page.evaluate("document.activeElement.closest('th')?.dataset.key") == "calibration")
    page.keyboard.press("Enter")
    expect(head(page, "calibration")).to_have_attribute("aria-sort", "ascending")
    walk(page, lambda: page.evaluate("document.activeElement.matches('[data-reveal]')"), limit=300)
    page.keyboard.press("Home")
    stage = page.locator("[data-stage]")
    assert stage.evaluate("stage => stage.style.getPropertyValue('--reveal')") == "0%"
    page.keyboard.press("ArrowRight")
    assert stage.evaluate("stage => stage.style.getPropertyValue('--reveal')") == "1%"
    # Back to the choice of a bit-width: another picture comes.
    shown = page.locator("[data-right] img").get_attribute("src")
    walk(page, lambda: page.evaluate("document.activeElement.matches('[data-pick]')"), key="Shift+Tab")
    page.locator("[data-pick]").first.press("Enter")
    expect(page.locator("[data-right] img")).not_to_have_attribute("src", shown)


def walk(page: Page, there: Callable[[], bool], limit: int = 120, key: str = "Tab") -> None:
    """Tab until the focus is there."""
    for _ in range(limit):
        page.keyboard.press(key)
        if there():
            return
    raise AssertionError(f"not reached in {limit} steps")


def test_compare(site: Path, look: Open) -> None:
    page = look(site / BOARD)
    image = page.locator("[data-right] img")
    first = image.get_attribute("src")
    page.locator("[data-pick]").first.click()
    assert image.get_attribute("src") != first
    assert "W8A8" in image.get_attribute("alt")
    page.locator("[data-variant]").select_option("ganq.brecq.W6A6")
    assert "W6A6" in image.get_attribute("alt")
    assert page.locator("[data-label]").inner_text() == "W6A6"
    page.locator("[data-item]").nth(3).click()
    assert "item 4" in image.get_attribute("alt")
    box = page.locator("[data-stage]").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 20)
    assert page.locator("[data-reveal]").input_value() == "25"


COPY_TO = "Object.defineProperty(navigator, 'clipboard', {value: {writeText: %s}})"
"""Puts a clipboard into the page: whether there is one from disk is up to the browser."""
COMMAND = (
    "ganqbench run --suite mini --gan stylegan2-cifar10 --adapter brevitas --method gptq --bits W4A8 --seed 0"
)


def press_copy(page: Page, write: str) -> str:
    """Press the button by keyboard where `write` is the clipboard's function; the command beside it."""
    page.evaluate(COPY_TO % write)
    walk(page, lambda: page.evaluate("document.activeElement.matches('[data-copy]')"))
    page.keyboard.press("Enter")
    return page.locator("[data-copy-text]").inner_text()


def test_the_command_is_copied(site: Path, look: Open) -> None:
    from playwright.sync_api import expect

    page = look(site / BOARD.parent / "brevitas.gptq.W4A8.s0.html")
    shown = press_copy(page, "async text => { window.copied = text; }")
    expect(page.locator("[data-copy]")).to_have_text("Copied")
    assert shown == COMMAND
    assert page.evaluate("window.copied") == shown


def test_without_a_clipboard_the_command_is_selected(site: Path, look: Open) -> None:
    from playwright.sync_api import expect

    page = look(site / BOARD.parent / "brevitas.gptq.W4A8.s0.html")
    shown = press_copy(page, "async text => { throw new Error('not allowed'); }")
    expect(page.locator("[data-copy]")).to_have_text("Selected")
    assert shown == COMMAND
    assert page.evaluate("String(getSelection())").strip() == shown


def test_the_choice_of_dark_stays(site: Path, look: Open) -> None:
    page = look(site / "index.html")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto((site / "data.html").as_uri())
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background == "rgb(15, 17, 20)"


def test_the_map_changes_its_width_by_keyboard(site: Path, look: Open) -> None:
    page = look(site / "methods/index.html")
    page.locator("#width-W8A8").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#width-W6A6").is_checked()
    assert page.locator(".maps > .table:visible").count() == 1
    assert "W6A6" in page.locator(".maps > .table:visible").get_attribute("aria-label")


def test_a_link_leads_to_its_row(site: Path, look: Open) -> None:
    from playwright.sync_api import expect

    page = look(site / "index.html")
    page.locator(".findings a").first.click()
    page.wait_for_url(re.compile("#"))  # a loaded machine takes its time
    row = page.locator("tr:target")
    expect(row).to_be_in_viewport()
    assert row.bounding_box()["y"] > 30  # not below the sticky header
