"""Rows that no other row beats on two counts at once."""

from __future__ import annotations

from ganqbench.site.board import Board
from ganqbench.site.errata import has_wrong_size
from ganqbench.site.row import Row


def front(board: Board, cost: str) -> tuple[Row, ...]:
    """The rows, cheapest first, that no other beats in `cost` (less is better) and the lead metric.

    Judged by the values alone: a row whose interval overlaps a neighbour's may change places with it.
    """
    if cost == "bytes" and any(has_wrong_size(run.record) for row in board.results for run in row.runs):
        return ()  # a row whose size is not shown might beat all others
    sign = 1 if board.lead.better == "less" else -1
    rows = [(row.get(cost), row.get(board.lead.key), row) for row in board.results]
    known = [
        (price, sign * value, row) for price, value, row in rows if price is not None and value is not None
    ]
    found: list[Row] = []
    best = float("inf")
    for _, loss, row in sorted(known, key=lambda one: (one[0], one[1], one[2].id)):
        if loss < best:
            found.append(row)
            best = loss
    return tuple(found)
