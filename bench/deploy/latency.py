"""Latencies that can be compared: interleaved rounds in one process, medians with intervals.

A machine slows down and speeds up over seconds. In every round each competitor runs once, in a new
order, so that what happens in a round happens to all of them, and ratios are taken within rounds.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Name = TypeVar("Name")
LEAST_ROUNDS = 6
"""Fewer give no 95 % interval of a median (1 - 2 / 2**n)."""
MOST_ROUNDS = 200
_BLOCK_S = 0.02
"""A turn repeats a short run until it takes this long: clocks and caches disturb single ones."""


@dataclass(frozen=True)
class Spread:
    """A median and its 95 % interval, by order statistics: nothing is assumed of the distribution."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least `LEAST_ROUNDS` values; ValueError for fewer."""
        if len(values) < LEAST_ROUNDS:
            raise ValueError(f"{len(values)} rounds give no interval; at least {LEAST_ROUNDS} do")
        ordered = sorted(values)
        n = len(ordered)
        median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
        rank = _rank(n)
        return cls(median, ordered[rank], ordered[n - 1 - rank])


def _rank(n: int) -> int:
    """The largest k of which the k-th values from both ends hold the median with 95 %."""
    tail, rank = 0.0, 0
    while True:
        tail += math.comb(n, rank) / 2**n
        if 2 * tail > 0.05:
            return max(rank - 1, 0)
        rank += 1


@dataclass(frozen=True)
class Timings:
    """Seconds per run of one competitor, one entry per round: on the clock and of the processor."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    def faster_than(self, other: Timings) -> Spread:
        """How many times as fast as `other`, round by round."""
        return Spread.of([theirs / own for own, theirs in zip(self.wall, other.wall, strict=True)])


def interleaved(
    runs: Mapping[Name, Callable[[], object]], seconds: float, source: random.Random
) -> dict[Name, Timings]:
    """Time every run in as many rounds as fit into `seconds`, within the bounds above; warms up first."""
    repeats = {name: _repeats(run) for name, run in runs.items()}
    wall: dict[Name, list[float]] = {name: [] for name in runs}
    cpu: dict[Name, list[float]] = {name: [] for name in runs}
    order = list(runs)
    end = time.perf_counter() + seconds
    for finished in range(MOST_ROUNDS):
        if finished >= LEAST_ROUNDS and time.perf_counter() > end:
            break
        source.shuffle(order)
        for name in order:
            started, burnt = time.perf_counter(), time.process_time()
            for _ in range(repeats[name]):
                runs[name]()
            wall[name].append((time.perf_counter() - started) / repeats[name])
            cpu[name].append((time.process_time() - burnt) / repeats[name])
    return {name: Timings(tuple(wall[name]), tuple(cpu[name])) for name in runs}


def _repeats(run: Callable[[], object]) -> int:
    run()  # warms up, and so does the next
    started = time.perf_counter()
    run()
    return max(1, math.ceil(_BLOCK_S / max(time.perf_counter() - started, 1e-6)))
