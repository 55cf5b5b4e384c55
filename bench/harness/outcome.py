"""From measured objects to the parts of a record."""

from __future__ import annotations

import dataclasses
from typing import Any

from ganqbench.audit import AuditReport
from ganqbench.cell import Cell
from ganqbench.harness.phases import Phases
from ganqbench.metrics.interval import Estimate


def metric_document(estimate: Estimate) -> dict[str, Any]:
    """A metric as in the record."""
    return dataclasses.asdict(estimate)


def phase_document(phases: Phases) -> dict[str, dict[str, float]]:
    """Seconds per phase as in the record, to the millisecond."""
    return {
        name: {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}
        for name, (wall, cpu) in phases.seconds.items()
    }


def audit_document(report: AuditReport, cell: Cell) -> dict[str, Any]:
    """An audit as in the record, judged at the cell's claimed widths."""
    raise NotImplementedError
