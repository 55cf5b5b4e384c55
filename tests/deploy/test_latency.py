"""Medians, their intervals, rounds, and what the machine did meanwhile."""

from __future__ import annotations

import os
import random
import time

import numpy as np
import pytest

from ganqbench.deploy.latency import LEAST_ROUNDS, Spread, Timings, interleaved
from ganqbench.deploy.machine import Load, grown, pinned


def test_intervals_hold_the_median_as_often_as_they_say() -> None:
    source = np.random.default_rng(0)
    for n in (7, 12, 40):
        spreads = [Spread.of(source.exponential(size=n).tolist()) for _ in range(2000)]
        held = np.mean([spread.low <= np.log(2) <= spread.high for spread in spreads])
        assert 0.94 < held < 0.995


def test_too_few_rounds_have_no_interval() -> None:
    with pytest.raises(ValueError, match="no interval"):
        Spread.of([1.0] * (LEAST_ROUNDS - 1))


def test_ratios_are_taken_within_rounds() -> None:
    drift = [1.0 + 0.5 * index for index in range(9)]
    slow = Timings(tuple(2 * value for value in drift), tuple(drift))
    fast = Timings(tuple(drift), tuple(drift))
    assert fast.faster_than(slow) == Spread(2.0, 2.0, 2.0)


def test_rounds_are_interleaved_and_each_is_whole() -> None:
    calls: list[str] = []

    def run(name: str) -> None:
        calls.append(name)
        time.sleep(0.03)

    found = interleaved({name: lambda name=name: run(name) for name in "ab"}, 0, random.Random(0))
    timed = calls[-2 * LEAST_ROUNDS :]
    assert all(set(timed[i : i + 2]) == {"a", "b"} for i in range(0, len(timed), 2))
    assert len({tuple(timed[i : i + 2]) for i in range(0, len(timed), 2)}) == 2
    for timings in found.values():
        assert len(timings.wall) == len(timings.cpu) == LEAST_ROUNDS
        assert min(timings.wall) >= 0.03 > max(timings.cpu)


def test_memory_is_that_of_the_peak() -> None:
    with grown() as found:
        block = np.ones(40_000_000, np.uint8)
        del block
    assert found.peak is not None
    assert 35_000_000 < found.peak < 80_000_000


def test_the_process_is_pinned_only_inside() -> None:
    before = os.sched_getaffinity(0)
    with pinned(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_a_machine_that_does_not_tell_its_load_counts_as_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load()
    assert (load.others, load.busy) == (None, False)  # nothing was watched, nothing disturbed
    with load.watching():
        time.sleep(0.05)
    assert load.others is not None
    assert load.others >= 0
    monkeypatch.setattr("ganqbench.deploy.machine._processor_seconds", lambda: None)
    with load.watching():
        pass
    assert (load.others, load.busy) == (None, True)


def test_what_others_use_while_nobody_watches_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 0.0, 50.0, 50.0 + 1.0])
    monkeypatch.setattr("ganqbench.deploy.machine._processor_seconds", lambda: next(seconds))
    load = Load()
    for _ in range(2):
        with load.watching():
            time.sleep(0.01)
    assert load.burnt is not None
    assert 0 < load.burnt <= 1
