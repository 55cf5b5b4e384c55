"""One cell on several workers: its evaluation in parts, and the join of what they gave.

Each part is a process like that of a whole cell. The record is that of a run in one piece, to the bit;
its costs are those of all parts together, with a phase `join`. Every part quantizes and trains anew: what
that takes is counted once, as in one piece, and the rest is phase `repeated`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ganqbench.harness.executor import Task
from ganqbench.harness.process import Outcome, run_cell

KINDS = ("wall_s", "cpu_s")
SAME = frozenset({"quantize", "fine-tune"})
"""Phases that do the same in every part."""
REPEATED = "repeated"
"""The phase of what parts did that another one had done."""


def part_tasks(task: Task, shards: int) -> list[Task]:
    """The parts of a cell, at most one per batch of its evaluation items; one task for the whole."""
    protocol = task.job["protocol"]
    count = min(shards, -(-protocol["final"] // protocol["batch"]))
    if count == 1:
        return [task]
    return [replace(task, job={**task.job, "part": (number, count)}) for number in range(count)]


def join(
    task: Task, parts: Sequence[Outcome], stopped: Callable[[], bool], accelerator: str | None
) -> Outcome:
    """The outcome of a cell from those of its parts; that of the first part that failed, if any."""
    failed = next((part for part in parts if part.document["status"] != "part"), None)
    if failed is not None:
        return _with_costs(failed, [part for part in parts if part is not failed])
    kept = ("audit", "training", "audited", "images")
    documents = [{name: part.document[name] for name in kept} for part in parts]
    files = {
        f"{number}/{name}": content
        for number, part in enumerate(parts)
        for name, content in part.files.items()
    }
    job = {**task.job, "parts": documents}
    made = run_cell(job, task.time_limit_s, task.retries, stopped, accelerator, files)
    return _with_costs(made, parts)


def _with_costs(outcome: Outcome, parts: Sequence[Outcome]) -> Outcome:
    """The outcome with the seconds of all processes, the largest memory and the most attempts."""
    documents = [outcome.document, *(part.document for part in parts)]
    costs = {
        "phases": _together([found.get("phases", {}) for found in documents]),
        "peak_memory": max(found.get("peak_memory") or 0 for found in documents) or None,
        "attempts": max(found["attempts"] for found in documents),
    }
    return replace(outcome, document={**outcome.document, **costs}, files={})


def _together(phases: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """The seconds of all processes by phase; of what they all did anew the most, and the rest apart."""
    total: dict[str, dict[str, float]] = {}
    repeated = dict.fromkeys(KINDS, 0.0)
    for name in dict.fromkeys(name for each in phases for name in each):
        found = [each[name] for each in phases if name in each]
        total[name] = {kind: sum(seconds[kind] for seconds in found) for kind in KINDS}
        if name in SAME:
            most = {kind: max(seconds[kind] for seconds in found) for kind in KINDS}
            repeated = {kind: repeated[kind] + total[name][kind] - most[kind] for kind in KINDS}
            total[name] = most
    if any(repeated.values()):
        total[REPEATED] = repeated
    return {name: {kind: round(value, 3) for kind, value in each.items()} for name, each in total.items()}
