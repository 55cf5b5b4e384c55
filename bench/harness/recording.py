"""From the outcome of a cell to its sealed record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganqbench.harness.gans import Gans
from ganqbench.harness.pinned import THREADS
from ganqbench.harness.plan import Plan, Planned
from ganqbench.harness.process import Outcome
from ganqbench.harness.provenance import git_state, hardware, now
from ganqbench.records.command import command
from ganqbench.records.rules import identity_faults
from ganqbench.records.schema import SCHEMA, Record
from ganqbench.records.store import content_faults, seal


@dataclass(frozen=True)
class Recorder:
    """Makes the records of one run; knows what all of them share."""

    gans: Gans
    commit: str | None
    dirty: bool | None
    hardware: Mapping[str, Any]
    """Of the driver, for cells that ran nowhere."""

    @classmethod
    def of(cls, plan: Plan) -> Recorder:
        """For a run of `plan` from the current folder."""
        commit, dirty = git_state(Path.cwd())
        return cls(plan.gans, commit, dirty, hardware(THREADS) | {"accelerator": None})

    def record(self, item: Planned, outcome: Outcome) -> Record:
        """The sealed record of a cell's outcome; ValueError if that holds what no record may."""
        record = seal(self._document(item, outcome.document))
        faults = [*content_faults(record), *identity_faults(record)]
        if faults:
            raise ValueError("; ".join(faults))
        return record

    def _document(self, item: Planned, found: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "status": found["status"],
            "cell": item.cell.model_dump(mode="json"),
            "metrics": found.get("metrics", {}),
            "audit": found.get("audit"),
            "training": found.get("training"),
            "deploy": None,
            "cost": {
                "phases": found.get("phases", {}),
                "peak_memory": found.get("peak_memory"),
                "attempts": found.get("attempts", 0),
            },
            "tolerance": item.tolerance,
            "preview": found.get("preview"),
            "provenance": {
                "key": item.key,
                "numeric_code": item.expected.code,
                "suite": item.suite_digest,
                "weights": item.weights,
                "protocol": item.protocol.counts(),
                "inputs": found.get("inputs", {}),
                "baseline_images": found.get("baseline_images"),
                "versions": dict(item.expected.versions),
                "commit": self.commit,
                "dirty": self.dirty,
                "hardware": found.get("hardware", self.hardware),
                "command": command(item.cell, self.gans.options),
                "seeds": {"cell": item.cell.seed},
                "finished": now(),
            },
            "reason": found.get("reason"),
        }
