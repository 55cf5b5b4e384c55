"""The README's findings, made of the committed records: python -m ganqbench.site.summary RESULTS README."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from ganqbench.site import format as fmt
from ganqbench.site.assemble import FOLDER, published
from ganqbench.site.board import Board
from ganqbench.site.confirmed import CLAIM
from ganqbench.site.findings import headlines
from ganqbench.site.suites import newest

BEGIN = "<!-- Made by `python -m ganqbench.site.summary results README.md`, which a test compares. -->\n"
END = "<!-- Here the findings end. -->\n"


def summary(shown: Iterable[Board]) -> str:
    """What the newest boards of the small generators say about their narrowest widths, a line for each."""
    every = list(shown)
    return "".join(_line(board, every) for board in newest(every) if board.suite == CLAIM and board.verdicts)


def _line(board: Board, shown: Iterable[Board]) -> str:
    bits = list(board.best())[-1]
    sentence = next(each for each in headlines(board, shown) if each[1].text == bits)
    text = "".join(f"**{part.text}**" if part.strong else part.text for part in sentence)
    return f"- {board.names.title}, {board.suite_name}. {text.replace(fmt.SPACE, ' ')}\n"


def with_summary(readme: str, text: str) -> str:
    """The README with these findings between its two marks; ValueError where it has no such place."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README needs a line {BEGIN!r} and after it a line {END!r}")
    return f"{before}{begin}\n{text}\n{end}{after}"


@click.command()
@click.argument("results", type=FOLDER)
@click.argument("readme", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(results: Path, readme: Path) -> None:
    """Put the findings of the records in RESULTS into README."""
    page = with_summary(readme.read_text(encoding="utf-8"), summary(published(results)))
    readme.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
