"""Strips of images, and which rows of a board are held against full precision by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganqbench.site.board import Board
from ganqbench.site.load import Run
from ganqbench.site.paths import image_path
from ganqbench.site.row import Row


@dataclass(frozen=True)
class Tile:
    """How many images a strip holds and the width of one in heights."""

    count: int
    ratio: float


def comparison(board: Board) -> dict[str, Any] | None:
    """FP32's image and those of the rows to hold against it, best first; None without both."""
    reference = next((run for run in pictured(board.baseline) if run.record.preview), None)
    rows = {row.id: (row, run) for row in board.results for run in pictured(row)[:1]}
    if reference is None or not rows:
        return None
    best = [rows[row.id] for row in board.best().values() if row.id in rows]
    return {
        "reference": reference,
        "inputs": reference.record.provenance.inputs.get("final", ""),
        "tile": tile(reference),
        "rows": tuple(rows.values()),
        "best": tuple(best or list(rows.values())[:1]),
        "image_path": image_path,
    }


def pictured(row: Row | None) -> list[Run]:
    """Those runs of a row whose images are there."""
    return [run for run in row.runs if run.image is not None] if row else []


def tile(run: Run) -> Tile:
    """The strip's count of images and the shape of one, kept within what a page can show."""
    preview = run.record.preview
    if preview is None:
        return Tile(1, 1.0)
    ratio = preview.width / preview.items / preview.height
    return Tile(preview.items, round(min(max(ratio, 0.5), 2.0), 4))
