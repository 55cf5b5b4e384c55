"""How long a plan takes on so many workers, and what room it needs."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ganqbench.harness.cost import Cost, CostModel, cached_bytes
from ganqbench.harness.plan import Planned

RECORD_BYTES = 40_000
"""A record beside its preview; the audit's rows take the most of it."""


@dataclass(frozen=True)
class Forecast:
    """What running some cells costs; all zero where there is nothing to run.

    `memory` is that of the cells that run at a time, `disk` what is added to results and cache.
    `unknown` counts cells that nothing measured resembles; they are in no other number.
    """

    cells: int
    skipped: int
    unknown: int
    workers: int
    wall_s: float
    cpu_s: float
    memory: int
    disk: int
    bases: dict[str, int]
    """How many cells' costs come from which kind of measured cells."""

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "cells": self.cells,
            "skipped": self.skipped,
            "unknown": self.unknown,
            "workers": self.workers,
            "wall_s": round(self.wall_s, 1),
            "cpu_hours": round(self.cpu_s / 3600, 4),
            "gpu_hours": 0,
            "memory_bytes": self.memory,
            "disk_bytes": self.disk,
            "bases": self.bases,
        }

    def __str__(self) -> str:
        if not self.cells - self.skipped:
            return "nothing to run"
        if not self.cells - self.skipped - self.unknown:
            return "no cell like these was ever measured"
        line = (
            f"{duration(self.wall_s)} on {self.workers} worker{'s' * (self.workers > 1)}, "
            f"{self.cpu_s / 3600:.2f} CPU-hours, {size(self.memory)} of memory, {size(self.disk)} of disk"
        )
        return f"{line}; {self.unknown} cells more that nothing measured is like" if self.unknown else line


def runs_here(item: Planned) -> bool:
    """Whether a cell can run on this machine as it is."""
    return item.skip is None


def runs_somewhere(item: Planned) -> bool:
    """Whether a cell runs where every toolkit and file is."""
    return item.declined is None


def forecast(
    items: Sequence[Planned],
    model: CostModel,
    workers: int,
    runs: Callable[[Planned], bool] = runs_here,
) -> Forecast:
    """What running those of these cells that run, in this order, on so many workers costs."""
    runnable = [item for item in items if runs(item)]
    costs = [(item, model.cost(item.cell, item.protocol)) for item in runnable]
    known = [(item, cost) for item, cost in costs if cost is not None]
    largest = sorted((cost.memory for _, cost in known), reverse=True)
    protocols = {item.cell.gan: item.protocol for item in runnable}
    return Forecast(
        cells=len(items),
        skipped=len(items) - len(runnable),
        unknown=len(costs) - len(known),
        workers=workers,
        wall_s=makespan(known, workers),
        cpu_s=sum(cost.cpu_s for _, cost in known),
        memory=sum(largest[:workers]),
        disk=sum(cached_bytes(protocol) for protocol in protocols.values())
        + sum(RECORD_BYTES + item.protocol.preview_bytes for item in runnable),
        bases=dict(Counter(cost.basis for _, cost in known)),
    )


def makespan(costs: Iterable[tuple[Planned, Cost]], workers: int) -> float:
    """Seconds until the last cell ends when each free worker takes the next one.

    Cells of a GAN wait for its full-precision images, which its first cell makes.
    """
    free = [0.0] * workers
    made: dict[str, float] = {}
    for item, cost in costs:
        start = heapq.heappop(free)
        ready = made.setdefault(item.cell.gan, start + cost.baseline_s)
        waiting = 0.0 if cost.baseline_s else max(0.0, ready - start)
        heapq.heappush(free, start + waiting + cost.wall_s)
    return max(free)


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """Bytes in the unit that people would use."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
