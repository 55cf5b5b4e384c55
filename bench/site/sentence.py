"""What the site's sentences are made of: pieces of text that lead to the rows they speak of."""

from __future__ import annotations

from dataclasses import dataclass

from ganqbench.site import format as fmt
from ganqbench.site.board import Board
from ganqbench.site.row import Row


@dataclass(frozen=True)
class Part:
    """A piece of a sentence; `path` is where it leads, `strong` what the eye should catch."""

    text: str
    path: str | None = None
    strong: bool = False


Sentence = tuple[Part, ...]


def value_text(board: Board, row: Row) -> str:
    """A row's leading number with its unit: `41.32 dB`."""
    unit = f"{fmt.SPACE}{board.lead.unit}" if board.lead.unit else ""
    return f"{board.lead.text(row.get(board.lead.key))}{unit}"


def link(board: Board, row: Row, text: str = "") -> Part:
    """A part that names a row, and the layers that are not held to its width."""
    aside = f" with {row.declared.short}" if row.declared else ""
    return Part(f"{text or row.name}{aside}", f"{board.path}#{row.id}")


def table(board: Board, text: str) -> Part:
    """A part that speaks of all rows."""
    return Part(text, f"{board.path}#results")
