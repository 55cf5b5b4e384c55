"""Measured latencies: what a deployed integer graph took, and the full precision beside it."""

from __future__ import annotations

from ganqbench.records.deploy_schema import Deployed
from ganqbench.records.schema import Record


def timed(record: Record) -> tuple[Deployed, ...]:
    """The graphs of a record that were timed, the fastest first; none where nothing was deployed."""
    lines = record.deploy.runtimes if record.deploy else ()
    found = [(line.latency_ms.median, line.runtime, line.kind, line) for line in lines if line.latency_ms]
    return tuple(line for *_, line in sorted(found, key=lambda one: one[:3]))


def fastest(record: Record) -> Deployed | None:
    """What a row shows: its fastest integer graph, or full precision for FP32."""
    kind = "fp32" if record.cell.is_baseline else "int8"
    return next((line for line in timed(record) if line.kind == kind), None)
