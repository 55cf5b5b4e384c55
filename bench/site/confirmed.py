"""Second opinions: rows of suite `claim` as another network judges the same images, in suite `confirm`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ganqbench.site.board import Board
from ganqbench.site.row import Row
from ganqbench.site.suites import newest

CLAIM, CONFIRM = "claim", "confirm"


@dataclass(frozen=True)
class Opinion:
    """A row of the confirming board."""

    board: Board
    row: Row


def opinions(board: Board, shown: Iterable[Board]) -> Mapping[str, Opinion]:
    """Row -> what the newest confirming board says of it; empty where it judged images of another FP32."""
    if board.suite != CLAIM:
        return {}
    others = (each for each in newest(shown) if each.suite == CONFIRM and each.gan == board.gan)
    other = next(others, None)
    if other is None or _images(board) is None or _images(board) != _images(other):
        return {}
    return {row.id: Opinion(other, row) for row in other.results if row.judged}


def _images(board: Board) -> str | None:
    """The digest of FP32's images; None where the board's records don't agree on one."""
    runs = (run for row in board.results for run in row.runs if run.record.status == "ok")
    found = {run.record.provenance.baseline_images for run in runs}
    return found.pop() if len(found) == 1 else None
