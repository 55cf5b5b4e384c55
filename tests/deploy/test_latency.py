"""Medians, their intervals, rounds, and what the machine did meanwhile."""

from __future__ import annotations

import os
import random
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from ganqbench.deploy import latency, machine
from ganqbench.deploy.latency import LEAST_ROUNDS, Spread, Timings, interleaved
from ganqbench.deploy.machine import Load, grown, pinned


@dataclass
class Clock:
    """Stands in for the module `time`: moves when it is told to."""

    wall: float = 0.0
    cpu: float = 0.0

    def perf_counter(self) -> float:
        return self.wall

    def process_time(self) -> float:
        return self.cpu

    def spend(self, wall: float, cpu: float = 0.0) -> None:
        self.wall, self.cpu = self.wall + wall, self.cpu + cpu


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (latency, machine):
        monkeypatch.setattr(module, "time", made)
    return made


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


def test_rounds_are_interleaved_and_each_is_whole(clock: Clock) -> None:
    calls: list[str] = []

    def run(name: str) -> None:
        calls.append(name)
        clock.spend(0.03, cpu=0.01)

    found = interleaved({name: lambda name=name: run(name) for name in "ab"}, 0, random.Random(0))
    timed = calls[-2 * LEAST_ROUNDS :]
    assert all(set(timed[i : i + 2]) == {"a", "b"} for i in range(0, len(timed), 2))
    assert len({tuple(timed[i : i + 2]) for i in range(0, len(timed), 2)}) == 2
    for timings in found.values():
        assert timings.wall == pytest.approx((0.03,) * LEAST_ROUNDS)
        assert timings.cpu == pytest.approx((0.01,) * LEAST_ROUNDS)


def test_there_are_as_many_rounds_as_fit_into_the_time(clock: Clock) -> None:
    found = interleaved({"a": lambda: clock.spend(0.25)}, 2, random.Random(0))
    assert len(found["a"].wall) == 9  # the last one begins when the time is over, not after it


def test_a_short_run_is_repeated_and_told_once(clock: Clock) -> None:
    calls = []

    def run() -> None:
        calls.append(0)
        clock.spend(0.0078125, cpu=0.00390625)

    found = interleaved({"a": run}, 0, random.Random(0))["a"]
    assert len(calls) == 2 + 3 * LEAST_ROUNDS
    assert (set(found.wall), set(found.cpu)) == ({0.0078125}, {0.00390625})


def test_memory_is_that_of_the_peak() -> None:
    with grown() as found:
        block = np.ones(40_000_000, np.uint8)
        del block
    assert found.peak is not None
    assert 35_000_000 < found.peak < 80_000_000


def test_the_process_is_pinned_only_inside() -> None:
    before, done = os.sched_getaffinity(0), threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    threads = (0, other.native_id or 0)
    try:
        with pinned(1):
            assert [len(os.sched_getaffinity(each)) for each in threads] == [1, 1]
        assert [os.sched_getaffinity(each) for each in threads] == [before, before]
    finally:
        done.set()
        other.join()


def test_a_machine_that_does_not_tell_its_load_counts_as_busy(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Load()
    assert (load.others, load.busy) == (None, False)  # nothing was watched, nothing disturbed
    with load.watching():
        clock.spend(0.05)
    assert load.others is not None
    assert load.others >= 0
    monkeypatch.setattr("ganqbench.deploy.machine._processor_seconds", lambda: None)
    with load.watching():
        pass
    assert (load.others, load.busy) == (None, True)


def test_what_others_use_while_nobody_watches_does_not_count(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 0.5, 50.0, 50.0 + 1.0])
    monkeypatch.setattr("ganqbench.deploy.machine._processor_seconds", lambda: next(seconds))
    load = Load()
    for _ in range(2):
        with load.watching():
            clock.spend(2.0, cpu=0.25)
    assert load.burnt == 0.25 + 0.75  # of 1.5 seconds, half a second was its own
    assert load.others == 0.25
