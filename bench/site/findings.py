"""Sentences computed from the records, each with the rows that it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ganqbench.site import format as fmt
from ganqbench.site.board import Board, Row
from ganqbench.site.names import backend

NEAR_PSNR = 1.0
"""How many dB below the best a method may lie and still be offered as the quick one."""
NEAR_FID = 1.02


@dataclass(frozen=True)
class Part:
    """A piece of a sentence; `path` is where it leads, `strong` what the eye should catch."""

    text: str
    path: str | None = None
    strong: bool = False


Sentence = tuple[Part, ...]


def findings(board: Board) -> tuple[Sentence, ...]:
    """What a board says, most important first."""
    return (
        *_best(board),
        *_price_of_bits(board),
        *_quick(board),
        *_backends(board),
        *_without_result(board),
    )


def value_text(board: Board, row: Row) -> str:
    """A row's leading number with its unit: `41.32 dB`."""
    unit = f"{fmt.SPACE}{board.lead.unit}" if board.lead.unit else ""
    return f"{board.lead.text(row.get(board.lead.key))}{unit}"


def interval_text(board: Board, row: Row) -> str:
    """A row's interval: `41.01 to 41.63`; empty if it has none."""
    low, high = row.get(f"{board.lead.key}_low"), row.get(f"{board.lead.key}_high")
    return "" if low is None or high is None else f"{board.lead.text(low)} to {board.lead.text(high)}"


def _link(board: Board, row: Row) -> Part:
    return Part(row.name, f"{board.path}#{row.id}")


def _best(board: Board) -> Iterator[Sentence]:
    for bits, row in board.best().items():
        interval = interval_text(board, row)
        worst = row.get(f"{board.lead.key}_worst")
        details = f" (95{fmt.SPACE}% interval {interval})" if interval else ""
        if worst is not None:
            details += f", worst image {board.lead.text(worst)}{fmt.SPACE}{board.lead.unit}"
        ties = _inside(board, row)
        if ties:
            details += f"; {fmt.plural(ties, 'other row')} inside that interval"
        yield (
            Part("Best at "),
            Part(bits, strong=True),
            Part(": "),
            _link(board, row),
            Part(f", with a {board.lead.title} of "),
            Part(value_text(board, row), strong=True),
            Part(f"{details}."),
        )


def _inside(board: Board, best: Row) -> int:
    """How many other rows of the same bits have their value inside the best one's interval."""
    key = board.lead.key
    low, high = best.get(f"{key}_low"), best.get(f"{key}_high")
    if low is None or high is None:
        return 0
    others = [row.get(key) for row in board.results if row.bits == best.bits and row is not best]
    return sum(value is not None and low <= value <= high for value in others)


def _price_of_bits(board: Board) -> Iterator[Sentence]:
    best = list(board.best().values())
    for wide, narrow in pairwise(best):
        if wide.get("bytes") is None or narrow.get("bytes") is None:
            continue
        change = (narrow.get(board.lead.key) or 0) - (wide.get(board.lead.key) or 0)
        loss = change if board.lead.better == "less" else -change
        if loss <= 0:
            continue
        unit = f"{fmt.SPACE}{board.lead.unit}" if board.lead.unit else f" {board.lead.title}"
        yield (
            Part("From "),
            Part(wide.bits, f"{board.path}#{wide.id}"),
            Part(" to "),
            Part(narrow.bits, f"{board.path}#{narrow.id}"),
            Part(f" the best method loses {board.lead.text(loss)}{unit}; the packed model goes from "),
            Part(f"{fmt.size(wide.get('bytes'))} to {fmt.size(narrow.get('bytes'))}", strong=True),
            Part("."),
        )


def _quick(board: Board) -> Iterator[Sentence]:
    for bits, best in board.best().items():
        rows = [row for row in board.results if row.bits == bits and row.get("calibration_s") is not None]
        near = [row for row in rows if _near(board, row, best)]
        if best not in rows or not near:
            continue
        quick = min(near, key=lambda row: (row.get("calibration_s") or 0, row.id))
        spent, saved = best.get("calibration_s") or 0, quick.get("calibration_s") or 0
        if saved > spent / 2:
            continue
        yield (
            Part(f"In a hurry at {bits}: "),
            _link(board, quick),
            Part(f", with {value_text(board, quick)} after {fmt.seconds(saved)} of calibration; "),
            Part(f"the best takes {fmt.seconds(spent)}."),
        )


def _near(board: Board, row: Row, best: Row) -> bool:
    value, aim = row.get(board.lead.key), best.get(board.lead.key)
    if value is None or aim is None:
        return False
    return value <= aim * NEAR_FID if board.lead.better == "less" else value >= aim - NEAR_PSNR


def _backends(board: Board) -> Iterator[Sentence]:
    for bits in board.best():
        first: dict[str, Row] = {}
        for row in board.results:
            if row.bits == bits:
                first.setdefault(row.adapter, row)
        if len(first) < 2:
            continue
        parts = [Part(f"Best of each backend at {bits}: ")]
        for place, (adapter, row) in enumerate(first.items()):
            comma = ", " if place else ""
            parts.append(Part(f"{comma}{backend(adapter).label} "))
            parts.append(Part(value_text(board, row), f"{board.path}#{row.id}"))
        yield (*parts, Part("."))


def _without_result(board: Board) -> Iterator[Sentence]:
    failed = sum(row.status == "failed" for row in board.rows)
    skipped = sum(row.status == "skipped" for row in board.rows)
    counts = [f"{count} {word}" for count, word in ((failed, "failed"), (skipped, "skipped")) if count]
    if counts:
        total = fmt.plural(failed + skipped, "row has", "rows have")
        first = board.without_result()[0]
        yield (
            Part(f"{total} no result ({', '.join(counts)}); "),
            Part("the reasons", f"{board.path}#{first.id}"),
            Part(" stand in the table."),
        )
