"""The README's findings, made of the committed records: python -m ganqbench.site.summary RESULTS README."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from ganqbench.site import format as fmt
from ganqbench.site.assemble import boards
from ganqbench.site.board import Board
from ganqbench.site.findings import headlines
from ganqbench.site.load import load

BEGIN = "<!-- Made by `python -m ganqbench.site.summary results README.md`, which a test compares. -->\n"
END = "<!-- Here the findings end. -->\n"
SUITE = "claim"


def summary(shown: Iterable[Board]) -> str:
    """What the newest boards of the small generators say about their narrowest widths, a line for each."""
    every = list(shown)
    newest: dict[str, Board] = {}
    for board in sorted(every, key=lambda each: each.version):
        if board.suite == SUITE and board.results and board.verdicts:
            newest[board.gan] = board
    return "".join(_line(board, every) for board in newest.values())


def _line(board: Board, shown: Iterable[Board]) -> str:
    bits = list(board.best())[-1]
    sentence = next(each for each in headlines(board, shown) if each[1].text == bits)
    text = "".join(f"**{part.text}**" if part.strong else part.text for part in sentence)
    return f"- {board.names.title}. {text.replace(fmt.SPACE, ' ')}\n"


def with_summary(readme: str, text: str) -> str:
    """The README with these findings between its two marks; ValueError where it has no such place."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README needs a line {BEGIN!r} and after it a line {END!r}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def main(results: str, readme: str) -> None:
    """Put the findings of the records into the README."""
    path = Path(readme)
    page = with_summary(path.read_text(encoding="utf-8"), summary(boards(load(Path(results)).runs)))
    path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
