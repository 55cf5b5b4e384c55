"""The command that runs a cell again, made from names that are checked, not from a record's free text."""

from __future__ import annotations

from ganqbench.cell import Cell
from ganqbench.suite import OWN

FILE = "FILE"
"""What stands for a checkpoint: the cell has its hash, and its user alone knows where it lies."""


def command(cell: Cell) -> str:
    """The words of it, as the command line takes them."""
    words = ["ganqbench run", f"--checkpoint {FILE}" if cell.suite == OWN else f"--suite {cell.suite}"]
    words += [f"--gan {cell.gan}", f"--adapter {cell.adapter}", f"--method {cell.method}"]
    words += [f"--recipe {cell.recipe}"] if cell.recipe else []
    return " ".join([*words, f"--bits {cell.bits}", f"--seed {cell.seed}"])
