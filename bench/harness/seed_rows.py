"""Configurations that were measured under several seeds, each taken together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganqbench.harness.influence import METRIC, kept
from ganqbench.metrics.interval import Estimate
from ganqbench.metrics.seeds import SeedSummary, combine_seeds
from ganqbench.records.schema import Record


@dataclass(frozen=True)
class SeedRow:
    """One configuration over its seeds."""

    name: str
    summary: SeedSummary

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {"row": self.name, "metric": METRIC, **asdict(self.summary)}


def seed_rows(records: Iterable[Record], folder: Path) -> list[SeedRow]:
    """Every configuration of `records` with a delta under two or more seeds, by name.

    `folder` is where influence values are kept. Seeds are grouped by the identity of their metric, by code
    and by libraries too, so that what was measured in different ways is never averaged.
    """
    rows: dict[tuple[str, ...], dict[int, Record]] = {}
    for record in records:
        metric = record.metrics.get(METRIC)
        if metric is not None and metric.identity is not None:
            cell, made = record.cell, record.provenance
            name = f"{cell.suite}-v{cell.suite_version} {cell.gan} {record.row}"
            way = (metric.identity, made.numeric_code, made.libraries)
            rows.setdefault((name, *way), {})[cell.seed] = record
    return [
        SeedRow(name, combined(list(found.values()), folder))
        for (name, *_), found in sorted(rows.items())
        if len(found) > 1
    ]


def combined(records: list[Record], folder: Path) -> SeedSummary:
    """The paired delta of one configuration's records, one for each seed, taken together."""
    metrics = [record.metrics[METRIC] for record in records]
    estimates = [Estimate(each.value, each.se, each.low, each.high, each.n) for each in metrics]
    found = [kept(folder, each.value, each.identity or "", each.n) for each in metrics]
    known = [each for each in found if each is not None]
    # Values of seeds on other inputs would not be those of the same inputs.
    inputs = {record.provenance.inputs.get("final") for record in records}
    if len(known) < len(found) or len(inputs) > 1 or len({each.units for each in known}) > 1:
        return combine_seeds(estimates)
    return combine_seeds(estimates, [each.values for each in known], known[0].units)
