"""From measured objects to the parts of a record."""

from __future__ import annotations

import dataclasses
from typing import Any

from ganqbench.audit import AuditReport
from ganqbench.cell import Bits
from ganqbench.harness.phases import Phases
from ganqbench.metrics.interval import Estimate
from ganqbench.recipes.fine_tune import Trained


def metric_document(estimate: Estimate, identity: str | None) -> dict[str, Any]:
    """A metric as in the record, with what it is a distance of."""
    return dataclasses.asdict(estimate) | {"identity": identity}


def phase_document(phases: Phases) -> dict[str, dict[str, float]]:
    """Seconds per phase as in the record, to the millisecond."""
    return {
        name: {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}
        for name, (wall, cpu) in phases.seconds.items()
    }


def audit_document(report: AuditReport, bits: Bits) -> dict[str, Any]:
    """An audit as in the record, judged at the claimed widths, with counts per image."""
    claim = (bits.weights, bits.activations)
    ops = [dataclasses.asdict(op) | {"macs": per_image(op.macs, report.batch)} for op in report.ops]
    return {
        "coverage": report.coverage(*claim),
        "coverage_undeclared": report.coverage(*claim, declared=False),
        "macs": per_image(report.macs, report.batch),
        "hidden_work": per_image(report.hidden_work, report.batch),
        "bops": per_image(report.bops(), report.batch),
        "bytes": report.packed_bytes,
        "ops": ops,
    }


def training_document(trained: Trained | None) -> dict[str, int] | None:
    """A training as in the record; None where the cell has no recipe."""
    return None if trained is None else {"steps": trained.steps, "kept": trained.kept}


def per_image(count: int, batch: int) -> int:
    """A count over a batch as one image's share, rounded up so that no work is lost."""
    return -(-count // batch)
