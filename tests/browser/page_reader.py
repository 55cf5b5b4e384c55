"""What a page shows, how wide and how heavy it is, and what keeps somebody from using it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SCREENS = [(390, "light"), (1360, "dark")]
"""A phone by day and a desk by night: contrast is a matter of the scheme, and room of the width."""
KB = 1000


def overflow(page: Page) -> int:
    """How many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def violations(page: Page) -> list[str]:
    """The rule and the element of each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def ids(page: Page) -> list[str]:
    """The rows that are shown, in order."""
    return page.locator("tbody tr[id]:visible").evaluate_all("rows => rows.map(row => row.id)")


def head(page: Page, key: str) -> Locator:
    """The heading of a column."""
    return page.locator(f"thead th[data-key={key}]")


def packed(path: Path) -> int:
    """Bytes as a server sends them; what is packed already stays as it is."""
    data = path.read_bytes()
    return min(len(data), len(gzip.compress(data)))
