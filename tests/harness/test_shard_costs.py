"""What a cell in parts is said to have cost."""

from __future__ import annotations

from typing import Any

import pytest

from ganqbench.harness.executor import Task
from ganqbench.harness.process import Outcome
from ganqbench.harness.shards import join

Seconds = dict[str, float]


def part(status: str, **phases: float) -> Outcome:
    spent = {name.replace("_", "-"): {"wall_s": 2 * cpu, "cpu_s": cpu} for name, cpu in phases.items()}
    return Outcome({"status": status, "reason": status, "attempts": 1, "phases": spent}, None)


def phases(*parts: Outcome) -> dict[str, Any]:
    """Of the first, which failed, so that no process is needed to join them."""
    task = Task({"protocol": {"final": 10, "batch": 4}}, 10)
    found = join(task, parts, lambda: pytest.fail("a process was started"), None)
    return dict(found.document["phases"])


def seconds(cpu: float) -> Seconds:
    return {"wall_s": 2 * cpu, "cpu_s": cpu}


def test_parts_that_quantize_anew_do_not_make_a_method_slower() -> None:
    found = phases(
        part("failed", quantize=3.0, fine_tune=10.0, evaluate=1.0),
        part("part", quantize=4.0, fine_tune=12.0, evaluate=2.0),
        part("part", quantize=2.0, fine_tune=11.0, evaluate=1.5),
    )
    assert found == {
        "quantize": seconds(4.0),
        "fine-tune": seconds(12.0),
        "evaluate": seconds(4.5),
        "repeated": seconds(5.0 + 21.0),
    }


def test_nothing_is_repeated_in_one_part_that_got_so_far() -> None:
    found = phases(part("failed", load=1.0), part("part", load=1.0, quantize=2.0))
    assert found == {"load": seconds(2.0), "quantize": seconds(2.0)}
