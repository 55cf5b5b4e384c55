"""Which bit-widths an 8-bit toolkit can fake-quantize to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganqbench.adapter import Skip

if TYPE_CHECKING:
    from ganqbench.cell import Cell


def beyond_integers(cell: Cell, toolkit: str) -> Skip | None:
    """A Skip unless weights and activations have 2 to 8 bits."""
    if 2 <= cell.bits.weights <= 8 and 2 <= cell.bits.activations <= 8:
        return None
    return Skip(f"{toolkit} quantizes weights and activations to 2..8 bits: {cell.bits} is outside of that")
