"""The command that runs a record's cell again, made from names that are checked."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ganqbench.cell import Cell
from ganqbench.suite import OWN, suite_names

SUITE_FILE = "suite.toml"
"""What a suite's file is called in the folder of its records, where a run leaves a copy."""
CHECKPOINT = "FILE"
"""What stands for a checkpoint where only its record is known: that has its hash."""


def command(cell: Cell, source: Sequence[str] | None = None) -> str:
    """The command that runs this one cell; `source` are the options that lead to its checkpoint and suite."""
    words = [
        *("ganqbench", "run", *(source or _source(cell)), "--gan", cell.gan, "--adapter", cell.adapter),
        *("--method", cell.method, *(("--recipe", cell.recipe) if cell.recipe else ())),
        *("--bits", str(cell.bits), "--seed", str(cell.seed)),
    ]
    return shlex.join(words)


def _source(cell: Cell) -> tuple[str, str]:
    """The option that leads to the cell: a suite's name, or its copy as it lies beside committed records."""
    if cell.suite == OWN:
        return "--checkpoint", CHECKPOINT
    if cell.suite in suite_names():
        return "--suite", cell.suite
    return "--suite", f"results/{cell.suite}-v{cell.suite_version}/{SUITE_FILE}"
