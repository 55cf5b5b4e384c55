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
    """The best of them; None where nothing sets it apart from every other, or there is no other."""


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
    kept = {start: rows for start, rows in starts.items() if any(rows)}
    return Ablation(recipes, tuple(_line(kept[start], recipes, board) for start in sorted(kept, key=_order)))


def _order(start: Start) -> tuple[object, ...]:
    adapter, method, bits = start
    return bits_order(bits), names.backend_rank(adapter), method


def _line(rows: dict[str, Row], recipes: tuple[str, ...], board: Board) -> Line:
    first = next(rows[recipe] for recipe in recipes if recipe in rows)
    return Line(first, tuple(rows.get(recipe) for recipe in recipes), _best(list(rows.values()), board))


def _best(rows: list[Row], board: Board) -> Row | None:
    results = {row.id for row in board.results}
    rivals = [row for row in rows if row.id in results]
    if board.no_rank or len(rivals) < 2:
        return None
    return next(
        (
            one
            for one in rivals
            if all(board.surely_better(one, other) for other in rivals if other is not one)
        ),
        None,
    )
