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
    """Row -> what the newest confirming board says of it; without rows that judged other images."""
    if board.suite != CLAIM:
        return {}
    others = (each for each in newest(shown) if each.suite == CONFIRM and each.gan == board.gan)
    other = next(others, None)
    if other is None or _images(board) is None or _images(board) != _images(other):
        return {}
    own = {row.id: row for row in board.results}
    return {
        row.id: Opinion(other, row)
        for row in other.results
        if row.judged and row.id in own and _same_images(own[row.id], row)
    }


def _same_images(row: Row, other: Row) -> bool:
    """Whether nothing speaks against it: under every seed that both have, the PSNR is the same."""
    first, second = (
        {run.cell.seed: run.record.metrics["psnr"].value for run in each.runs if "psnr" in run.record.metrics}
        for each in (row, other)
    )
    common = first.keys() & second.keys()
    return bool(common) and all(first[seed] == second[seed] for seed in common)


def _images(board: Board) -> str | None:
    """The digest of FP32's images; None where the board's records don't agree on one."""
    runs = (run for row in board.results for run in row.runs if run.record.status == "ok")
    found = {run.record.provenance.baseline_images for run in runs}
    return found.pop() if len(found) == 1 else None
