"""Recipes as an ablation: the same method and bits, with each recipe and with none, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from ganqbench.site import names
from ganqbench.site.board import Board, bits_order
from ganqbench.site.row import Row

Start = tuple[str, str, str]
"""Adapter, method and bits: what the recipes of a line start from."""


@dataclass(frozen=True)
class Line:
    """One start with its rows in the order of the table's recipes; None where none was run."""

    first: Row
    """Some row of the line, for its names."""
    rows: tuple[Row | None, ...]
    best: Row | None
    """The best of them; None where fewer than two have a result."""


@dataclass(frozen=True)
class Ablation:
    """What each recipe makes of each start."""

    recipes: tuple[str, ...]
    """Slugs, the empty one for no recipe."""
    lines: tuple[Line, ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """What the recipes are called."""
        return tuple(names.RECIPES.get(recipe, recipe) or "as calibrated" for recipe in self.recipes)


def ablation(board: Board) -> Ablation | None:
    """The ablation of a board; None where no row has a recipe."""
    tried = [row for row in board.rows if not row.is_baseline]
    recipes = tuple(sorted({row.recipe or "" for row in tried}))
    if not any(recipes):
        return None
    starts: dict[Start, dict[str, Row]] = {}
    for row in tried:
        starts.setdefault((row.adapter, row.method, row.bits), {})[row.recipe or ""] = row
    place = {row.id: place for place, row in enumerate(board.results)}
    kept = {start: rows for start, rows in starts.items() if any(rows)}
    return Ablation(recipes, tuple(_line(kept[start], recipes, place) for start in sorted(kept, key=_order)))


def _order(start: Start) -> tuple[object, ...]:
    adapter, method, bits = start
    return bits_order(bits), names.backend_rank(adapter), method


def _line(rows: dict[str, Row], recipes: tuple[str, ...], place: dict[str, int]) -> Line:
    ordered = [row for row in rows.values() if row.id in place]
    best = min(ordered, key=lambda row: place[row.id]) if len(ordered) > 1 else None
    first = next(rows[recipe] for recipe in recipes if recipe in rows)
    return Line(first, tuple(rows.get(recipe) for recipe in recipes), best)
