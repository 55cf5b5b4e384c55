"""What the planner and the process of a cell must agree on before anything is measured.

A cell may run minutes after it was planned, and on another machine. With other source code, library
versions, weights or references there its record would claim a currency that it does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganqbench.harness.identity import numeric_code, versions
from ganqbench.harness.judge_files import judge_hashes

if TYPE_CHECKING:
    from ganqbench.adapter import Adapter
    from ganqbench.cell import Cell
    from ganqbench.protocol import Protocol
    from ganqbench.zoo.generator import ZooEntry

NAMES = {
    "code": "source code",
    "versions": "library versions",
    "weights": "weights",
    "judge": "network or reference for distances",
}


def expectation(
    entry: ZooEntry, protocol: Protocol, code: str, used: Mapping[str, str | None]
) -> dict[str, Any]:
    """All but the cell and suite that a resume key is made of."""
    return {
        "code": code,
        "versions": {name: version for name, version in used.items() if name != "python"},
        "weights": entry.weights_sha256,
        "judge": judge_hashes(entry, protocol),
    }


def disagreement(
    expected: Mapping[str, Any], cell: Cell, entry: ZooEntry, adapter: Adapter, protocol: Protocol
) -> str | None:
    """Why this process must not measure the cell, as one sentence; None if all is as planned."""
    here = expectation(entry, protocol, numeric_code(cell, entry), versions(adapter, entry))
    other = [words for name, words in NAMES.items() if here[name] != expected[name]]
    if not other:
        return None
    return (
        f"Where the cell was to run there is other {' and '.join(other)} than the run was planned with; "
        "install the same there, and plan again after an edit."
    )
