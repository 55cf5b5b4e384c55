"""What a cell's process may be asked for: the whole cell, a part of it, or the join of all parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganqbench.adapter import Adapter
from ganqbench.cell import Cell
from ganqbench.harness.baselines import Baselines
from ganqbench.harness.evaluate import Evaluation
from ganqbench.harness.influence import FOLDER, METRIC, keep
from ganqbench.harness.judge import Judge
from ganqbench.harness.measure import evaluation_items, measure
from ganqbench.harness.outcome import audit_document, metric_document, training_document
from ganqbench.harness.parts import MeasuredPart, Part, PartsDiffer, Whole, load_part, whole
from ganqbench.harness.phases import Phases
from ganqbench.harness.preview import write_preview
from ganqbench.home import home
from ganqbench.protocol import Protocol
from ganqbench.zoo.generator import ZooEntry


@dataclass(frozen=True)
class CellJob:
    """A cell with all that it needs, and the folder `out` of its process."""

    cell: Cell
    entry: ZooEntry
    protocol: Protocol
    phases: Phases
    out: Path
    unfinished: Path
    """Where a training under way keeps itself, to go on after it was cut off."""

    def run(self, adapter: Adapter, baselines: Baselines) -> dict[str, Any]:
        """Measure the whole cell; returns its part of the outcome and writes the preview."""
        found = self._measure(adapter, baselines, Part())
        with self.phases("evaluate"):
            made = whole(
                *(found.evaluation, [found.baseline_features], [found.shown], found.images),
                is_baseline=self.cell.is_baseline,
            )
        _keep_influence(found.evaluation, made)
        return self._document(
            made, audit_document(found.report, self.cell.bits), training_document(found.trained)
        )

    def run_part(self, adapter: Adapter, baselines: Baselines, part: Part) -> dict[str, Any]:
        """Measure a part of the cell; its files are left in `out`."""
        found = self._measure(adapter, baselines, part)
        found.save(self.out)
        return {
            "status": "part",
            "audit": audit_document(found.report, self.cell.bits),
            "training": training_document(found.trained),
            "audited": found.audited,
            "images": found.images,
        }

    def join(self, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Make one of the parts' documents and their files in `out/0`, `out/1`, ...

        Raises PartsDiffer where they are not parts of one and the same generator's evaluation.
        """
        for each in parts:
            for name in ("audit", "audited"):
                if each[name] != parts[0][name]:
                    raise PartsDiffer(
                        f"The cell's parts differ in their {name}: the generator was not quantized in the "
                        "same way each time. Run it without --shards."
                    )
        with self.phases("join"):
            judge = Judge.of(self.entry, self.protocol)
            evaluation = Evaluation(evaluation_items(self.entry, self.protocol), judge)
            loaded = [load_part(self.out / str(number), evaluation) for number in range(len(parts))]
            made = whole(
                evaluation,
                [features for features, _ in loaded],
                [shown for _, shown in loaded],
                [digest for each in parts for digest in each["images"]],
                is_baseline=self.cell.is_baseline,
            )
        _keep_influence(evaluation, made)
        return self._document(made, parts[0]["audit"], parts[0]["training"])

    def _measure(self, adapter: Adapter, baselines: Baselines, part: Part) -> MeasuredPart:
        # Every part trains anew.
        unfinished = self.unfinished.with_stem(f"{self.unfinished.stem}{part.name}")
        return measure(
            self.cell, self.entry, adapter, self.protocol, baselines, self.phases, unfinished, part
        )

    def _document(
        self, made: Whole, audit: Mapping[str, Any], training: Mapping[str, int] | None
    ) -> dict[str, Any]:
        preview = write_preview(made.shown, self.out / "preview.webp", self.protocol.preview_bytes)
        return {
            "status": "ok",
            "metrics": {
                name: metric_document(value, made.identities.get(name))
                for name, value in made.metrics.items()
            },
            "audit": audit,
            "training": training,
            "preview": preview,
            "baseline_images": made.baseline_images,
        }


def _keep_influence(evaluation: Evaluation, made: Whole) -> None:
    """What `ganqbench seeds` needs besides the record."""
    if evaluation.influence is not None:
        value = made.metrics[METRIC].value
        keep(home() / FOLDER, evaluation.influence, value, made.identities[METRIC])
