"""What the planner and the process of a cell must agree on before anything is measured.

A cell may run minutes after it was planned, and on another machine. With other source code, library
versions, weights or references there its record would claim a currency that it does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganqbench.harness.identity import numeric_code, versions
from ganqbench.harness.judge_files import judge_hashes

if TYPE_CHECKING:
    from ganqbench.adapter import Adapter
    from ganqbench.cell import Cell
    from ganqbench.protocol import Protocol
    from ganqbench.zoo.generator import ZooEntry


@dataclass(frozen=True)
class Expected:
    """All but the cell and its suite that a resume key is made of."""

    code: str
    versions: Mapping[str, str | None]
    weights: str
    judge: Mapping[str, str]

    def refusal(self, here: Expected) -> str | None:
        """Why a process that finds `here` must not measure the cell, as one sentence; None if it may."""
        other = [words for name, words in _WORDS.items() if getattr(here, name) != getattr(self, name)]
        if _numeric(here.versions) != _numeric(self.versions):
            other.append("library versions")
        if not other:
            return None
        return (
            f"Where the cell was to run there is other {' and '.join(other)} than the run was planned with; "
            "install the same there, and plan again after an edit."
        )


_WORDS = {"code": "source code", "weights": "weights", "judge": "network or reference for distances"}


def _numeric(versions: Mapping[str, str | None]) -> dict[str, str | None]:
    """Python's own version makes no number."""
    return {name: version for name, version in versions.items() if name != "python"}


def expectation(cell: Cell, entry: ZooEntry, adapter: Adapter, protocol: Protocol) -> Expected:
    """What this process finds."""
    return Expected(
        code=numeric_code(cell, entry),
        versions=versions(adapter, entry),
        weights=entry.weights_sha256,
        judge=judge_hashes(entry, protocol),
    )
