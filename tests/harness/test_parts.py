"""A cell's evaluation in parts: whole batches, all items once, and parts that don't belong together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganqbench.harness.cell_job import CellJob
from ganqbench.harness.executor import Task
from ganqbench.harness.parts import Part, PartsDiffer
from ganqbench.harness.process import Outcome
from ganqbench.harness.shards import join, part_tasks
from ganqbench.zoo.generator import Batches

SOURCE: Any = None  # nothing is read


@given(n=st.integers(1, 300), size=st.integers(1, 40), count=st.integers(1, 20))
def test_parts_are_whole_batches_and_hold_each_item_once(n: int, size: int, count: int) -> None:
    items = Batches(SOURCE, n, size)
    batches = list(items.indices())
    if count > len(batches):
        with pytest.raises(ValueError, match="batches"):
            Part(0, count).of(items)
        return
    parts = [list(Part(number, count).of(items).indices()) for number in range(count)]
    assert [batch for part in parts for batch in part] == batches
    lengths = [len(part) for part in parts]
    assert min(lengths) >= 1
    assert max(lengths) - min(lengths) <= 1


def task(final: int = 10) -> Task:
    return Task({"protocol": {"final": final, "batch": 4}}, 10)


def test_there_are_no_more_parts_than_batches() -> None:
    assert [each.job.get("part") for each in part_tasks(task(), 100)] == [(0, 3), (1, 3), (2, 3)]
    assert part_tasks(task(), 1) == [task()]


def outcome(status: str, attempts: int = 1, **more: Any) -> Outcome:
    phases = {"quantize": {"wall_s": 1.0, "cpu_s": 0.5}}
    return Outcome({"status": status, "attempts": attempts, "phases": phases, "peak_memory": 7, **more}, None)


def test_a_part_that_failed_fails_the_cell_and_nothing_is_joined() -> None:
    parts = [outcome("part"), outcome("failed", attempts=2, reason="the backend broke"), outcome("part")]
    found = join(task(), parts, lambda: pytest.fail("a process was started"), None).document
    assert (found["status"], found["reason"], found["attempts"]) == ("failed", "the backend broke", 2)
    assert found["phases"] == {
        "quantize": {"wall_s": 1.0, "cpu_s": 0.5},
        "repeated": {"wall_s": 2.0, "cpu_s": 1.0},
    }


@pytest.mark.parametrize("name", ["audit", "audited"])
def test_parts_of_different_generators_are_no_cell(name: str) -> None:
    part = {"audit": {"bytes": 1}, "audited": "sha256:1", "images": []}
    nothing: Any = None
    with pytest.raises(PartsDiffer, match="not quantized in the same way"):
        CellJob(*[nothing] * 6).join([part, {**part, name: "other"}])
