"""Of the cells of a run, those whose adapters can be used: one broken file must not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ganqbench.adapter import BrokenAdapter
from ganqbench.cell import Cell
from ganqbench.harness.declared import declared, declines


@dataclass(frozen=True)
class Usable:
    """The cells that can be planned, and one message for each adapter that is broken."""

    cells: tuple[Cell, ...]
    broken: tuple[str, ...]

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> Usable:
        """Ask each cell's adapter; raises the BrokenAdapter where nothing but baselines would be left."""
        asked = tuple(cells)
        faults: dict[str, BrokenAdapter] = {}
        for name in dict.fromkeys(cell.adapter for cell in asked):
            try:
                adapter = declared(name)
                for cell in asked:
                    if cell.adapter == name and cell.method in adapter.methods and not adapter.missing:
                        declines(adapter, cell)
            except BrokenAdapter as error:
                faults[name] = error
        left = tuple(cell for cell in asked if cell.adapter not in faults)
        if faults and all(cell.is_baseline for cell in left):
            raise next(iter(faults.values()))
        lost = Counter(cell.adapter for cell in asked)
        return cls(left, tuple(f"{error} Cells left out: {lost[name]}." for name, error in faults.items()))
