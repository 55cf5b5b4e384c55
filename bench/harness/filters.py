"""The part of a suite that a user asks for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ganqbench.adapter import adapter_names
from ganqbench.cell import Bits, Cell
from ganqbench.errors import UserError, unknown_name
from ganqbench.suite import Suite

NO_RECIPE = "none"


@dataclass(frozen=True)
class Filters:
    """Values a user asked for; an empty one takes everything."""

    gans: Sequence[str] = ()
    adapters: Sequence[str] = ()
    methods: Sequence[str] = ()
    bits: Sequence[str] = ()
    seeds: Sequence[int] = ()
    recipes: Sequence[str] = ()
    """Recipes; `none` takes the cells without one."""

    def select(self, suite: Suite) -> tuple[Cell, ...]:
        """The suite's cells that pass, their baselines always among them; UserError for an unknown name."""
        cells = suite.cells()
        self._check(cells)
        wanted = [cell for cell in cells if self._passes(cell)]
        gans = {cell.gan for cell in wanted}
        if not wanted:
            raise UserError(
                f"No cell of suite {suite.name!r} passes these filters.",
                "Drop one, or see what there is with --dry-run.",
            )
        return tuple(cell for cell in cells if cell in wanted or (cell.is_baseline and cell.gan in gans))

    def _passes(self, cell: Cell) -> bool:
        bits = [Bits.parse(text) for text in self.bits]
        return (
            (not self.gans or cell.gan in self.gans)
            and (not self.adapters or cell.adapter in self.adapters)
            and (not self.methods or cell.method in self.methods)
            and (not bits or cell.bits in bits)
            and (not self.seeds or cell.seed in self.seeds)
            and (not self.recipes or (cell.recipe or NO_RECIPE) in self.recipes)
        )

    def _check(self, cells: Sequence[Cell]) -> None:
        for name in self.gans:
            _known("GAN of this suite", name, {cell.gan for cell in cells})
        for name in self.adapters:
            new = f"A new one is entered in pyproject.toml and installed: nox -s adapter -- {name}."
            _known("adapter", name, adapter_names(), new)
        for name in self.methods:
            _known("method of this suite", name, {cell.method for cell in cells})
        for name in self.recipes:
            _known("recipe of this suite", name, {cell.recipe or NO_RECIPE for cell in cells})
        for text in self.bits:
            try:
                Bits.parse(text)
            except ValueError as error:
                held = ", ".join(dict.fromkeys(str(cell.bits) for cell in cells))
                raise UserError(f"{error}.", f"This suite has {held}.") from error
            _known("bit-width of this suite", text, {str(cell.bits) for cell in cells})
        for seed in self.seeds:
            _known("seed of this suite", str(seed), {str(cell.seed) for cell in cells})


def _known(kind: str, name: str, known: Collection[str], more: str = "") -> None:
    if name not in known:
        unknown = unknown_name(kind, name, known)
        raise UserError(unknown.problem, f"{unknown.remedy} {more}".rstrip())
