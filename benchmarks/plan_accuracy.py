"""How well the cost model foretells cells that were measured: python benchmarks/plan_accuracy.py [RESULTS]

Each GAN's cells are foretold from the others' records and from all but one bit-width of its own; the sum is
compared with what they took.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from ganqbench.harness.cost import CostModel
from ganqbench.protocol import Protocol
from ganqbench.records.schema import Record
from ganqbench.records.validate import validate


def ratio(records: Iterable[Record], known: Callable[[Record, Record], bool]) -> float:
    """Foretold over measured CPU seconds of all cells, each foretold from the records that are `known`."""
    everything = list(records)
    foretold = measured = 0.0
    for record in everything:
        if record.cell.is_baseline or record.status != "ok":
            continue
        protocol = Protocol(**record.provenance.protocol, preview_bytes=160_000)
        cost = CostModel(each for each in everything if known(record, each)).cost(record.cell, protocol)
        if cost is not None:
            foretold += cost.cpu_s
            own = CostModel([record]).cost(record.cell, protocol)
            measured += own.cpu_s if own else 0.0
    return foretold / measured if measured else float("nan")


def main() -> None:
    """Print the ratios."""
    found = validate(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
    records = [record for _, record in found.records]
    rows: dict[str, Callable[[Record, Record], bool]] = {
        "the same cell's record in another suite or version": lambda a, b: a.hash != b.hash,
        "other bit-widths of the same method": lambda a, b: a.cell.bits != b.cell.bits,
        "other methods": lambda a, b: a.cell.method != b.cell.method,
        "other GANs": lambda a, b: a.cell.gan != b.cell.gan,
    }
    for name, known in rows.items():
        print(f"{ratio(records, known):.2f} of the measured CPU time, foretold from {name}")


if __name__ == "__main__":
    main()
