"""A plot under the pointer, under the keys and enlarged."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_boards import BOARD

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Open = Callable[..., "Page"]


def mark(page: Page, row: str) -> Locator:
    return page.locator(f".plot >> nth=0 >> [data-row='{row}'] use")


def test_the_pointer_names_a_mark_and_leads_to_its_row(site: Path, look: Open) -> None:
    from playwright.sync_api import expect

    page = look(site / BOARD)
    tip = page.locator(".plot .tip").first
    assert tip.is_hidden()
    row = "ganq.smooth-gptq-ends8.W4A8"
    mark(page, row).scroll_into_view_if_needed()
    mark(page, row).hover(force=True)
    expect(tip).to_contain_text("W4A8, 1 layer at W8A8: Δ FP32 −0.010 ±0.030")
    box = mark(page, row).bounding_box()
    page.mouse.click(box["x"] + 4, box["y"] + 4)
    page.wait_for_url(re.compile("#ganq.smooth-gptq-ends8.W4A8"))
    assert page.locator("tr:target").get_attribute("id") == row
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()


def test_the_keys_go_from_mark_to_mark(site: Path, look: Open) -> None:
    page = look(site / BOARD, "?backend=ganq")
    area, tip = page.locator(".area").first, page.locator(".plot .tip").first
    area.focus()
    said = []
    for key in ("Home", *("ArrowRight",) * 30):
        page.keyboard.press(key)
        said.append(tip.inner_text())
    walked = list(dict.fromkeys(said))
    shown = page.locator(".plot >> nth=0 >> [data-row]:visible").count()
    assert 3 < shown < 30
    assert len(walked) == shown
    assert all("ganq (ours)" in words for words in walked)  # what is filtered away is passed over
    page.keyboard.press("Home")
    assert tip.inner_text() == walked[0]
    page.keyboard.press("Enter")
    row = page.locator("tr:target")
    assert row.evaluate("row => row.contains(document.activeElement)")
    area.focus()
    page.keyboard.press("End")
    assert tip.inner_text() == walked[-1]
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_enlarged_it_has_the_same_scales(site: Path, look: Open) -> None:
    page = look(site / BOARD)
    plot = page.locator(".plot").first
    before = plot.bounding_box()
    places = "marks => marks.map(mark => [mark.getAttribute('x'), mark.getAttribute('y')])"
    small = plot.locator("use").evaluate_all(places)
    button = plot.get_by_role("button", name="Enlarge")
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    after = plot.bounding_box()
    assert after["width"] > 1.5 * before["width"]
    assert after["height"] > before["height"] + 200
    large = plot.locator("use").evaluate_all(places)
    assert [x for x, _ in large] == [x for x, _ in small]
    assert [float(y) for _, y in large] == [2 * float(y) for _, y in small]
    words = plot.locator("text").evaluate_all("all => all.map(one => one.getBoundingClientRect().bottom)")
    assert max(words) <= after["y"] + after["height"]
    page.keyboard.press("Enter")
    assert plot.locator("use").evaluate_all(places) == small
    assert plot.bounding_box() == before


@pytest.mark.parametrize("width", [320, 390, 820, 1360])
def test_no_two_words_of_a_plot_overlap(site: Path, look: Open, width: int) -> None:
    page = look(site / BOARD, width=width)
    for plot in page.locator(".plot").all():
        assert_apart(plot)
        plot.locator("[data-enlarge]").click()
        assert_apart(plot)
        plot.locator("[data-enlarge]").click()


def assert_apart(plot: Locator) -> None:
    shapes = plot.locator(".point-text, .zero-text").evaluate_all(
        "all => all.map(one => { const box = one.getBoundingClientRect();"
        " return [box.left, box.top + 2, box.right, box.bottom - 2]; })"
    )
    assert shapes
    for at, (left, top, right, bottom) in enumerate(shapes):
        for other in shapes[:at]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top, shapes


@pytest.mark.parametrize("width", [320, 390, 820, 1360])
def test_the_numbers_under_an_axis_keep_apart(site: Path, look: Open, width: int) -> None:
    page = look(site / BOARD, width=width)
    for plot in page.locator(".plot").all():
        ends = plot.locator(".tick-text[text-anchor=middle]:not(.zero-text)").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect()).map(box => [box.left, box.right])"
        )
        assert ends
        assert all(one[1] + 2 < other[0] for one, other in pairwise(sorted(ends))), (width, ends)
