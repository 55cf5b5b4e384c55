"""Pictures of a built site for the docs:

python tests/browser/take_pictures.py results build/site docs/pictures
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from ganqbench.site.assemble import published
from ganqbench.site.board import Board
from ganqbench.site.suites import newest

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]
TALLEST = 2600


def main(results: Path, site: Path, folder: Path) -> None:
    """Home, map, the fullest board in light and dark and on a phone, a method and a run."""
    board = fullest(newest(published(results))).path
    run = next(path for path in sorted((site / board).parent.glob("*.html")) if ".W4A8." in path.name)
    wanted = {
        "home": ("index.html", 1360, "light"),
        "methods": ("methods/index.html", 1360, "light"),
        "board": (board, 1360, "light"),
        "board-dark": (board, 1360, "dark"),
        "board-phone": (board, 390, "light"),
        "run": (str(run.relative_to(site)), 1360, "light"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, (path, width, scheme) in wanted.items():
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto((site / path).as_uri())
            save(page, folder / f"{name}.webp")
            page.close()
        browser.close()


def fullest(boards: Iterable[Board]) -> Board:
    """The board with most rows that have a distance to full precision's."""
    return max(
        boards, key=lambda board: (sum(row.get("fid_delta") is not None for row in board.rows), board.path)
    )


def save(page: Page, target: Path) -> None:
    """The page from its top, its pictures loaded."""
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    shown = taken.crop((0, 0, taken.width, min(taken.height, TALLEST * (2 if taken.width < 500 else 1))))
    shown.convert("RGB").save(target, quality=90, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).resolve(), Path(sys.argv[3]))
