"""A strict reader of the built pages: what must close closes, and every link leads somewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import site_factory as factory

BOARD = f"mini-v1/{factory.GAN}"
"""The folder of the small board."""
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
OPTIONAL_IN_SVG = {"use", "path", "circle", "rect", "line"}
# Attributes whose value is fetched or followed.
ADDRESSES = {"href", "src", "data-src", "poster", "action", "srcset"}
BLOCKS_IN_P = {"p", "div", "section", "table", "ul", "ol", "dl", "pre", "figure", "details", "h1", "h2", "h3"}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


class Reader(HTMLParser):
    """Collects faults, ids, addresses and the text of one page."""

    def __init__(self, page: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.faults: list[str] = []
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.references: list[str] = []
        self.addresses: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))
        self.close()
        if self.open:
            self.faults.append(f"never closed: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"<{tag}> has an attribute twice: {names}")
        if tag in BLOCKS_IN_P and "p" in self.open:
            self.faults.append(f"<{tag}> inside <p>")
        for name, value in attrs:
            if name == "id" and value is not None:
                if value in self.ids:
                    self.faults.append(f"id {value!r} stands twice")
                self.ids.add(value)
            if name.startswith("on"):
                self.faults.append(f"<{tag}> has a handler {name}")
            if name in ("aria-labelledby", "for") and value is not None:
                self.references.extend(value.split())
            if name in ADDRESSES and value is not None:
                self.addresses.append((tag, name, value))
        if tag == "img" and "alt" not in names:
            self.faults.append("an image without alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID | OPTIONAL_IN_SVG:
            self.faults.append(f"<{tag}/> does not close itself in HTML")
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID or not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> while {self.open[-3:]} are open")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read_site(site: Path) -> dict[Path, Reader]:
    """Every page of a built site."""
    return {page.relative_to(site): Reader(page) for page in sorted(site.rglob("*.html"))}


def dead_links(site: Path, pages: dict[Path, Reader]) -> list[str]:
    """Addresses that leave the site, or lead to a file or an anchor that isn't there."""
    dead = []
    for place, reader in pages.items():
        dead += [f"{place}: no element {name}" for name in reader.references if name not in reader.ids]
        for tag, name, value in reader.addresses:
            parts = urlsplit(value)
            if parts.scheme or parts.netloc or value.startswith("/"):
                dead.append(f"{place}: <{tag} {name}={value!r}> leaves the site")
                continue
            path = (site / place).parent / unquote(parts.path) if parts.path else site / place
            target = path.resolve()
            if not target.is_relative_to(site.resolve()) or not target.is_file():
                dead.append(f"{place}: {value} does not exist")
            elif parts.fragment and target.suffix == ".html":
                known = pages[target.relative_to(site.resolve())].ids
                if unquote(parts.fragment) not in known:
                    dead.append(f"{place}: {value} has no such anchor")
    return dead
