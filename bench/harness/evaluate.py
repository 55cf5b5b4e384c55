"""One pass over a cell's images for all of its metrics; memory grows only by the features kept."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from ganqbench.harness.baselines import Array
from ganqbench.harness.influence import Influence
from ganqbench.harness.judge import Judge
from ganqbench.metrics.evaluation_state import EvaluationState
from ganqbench.metrics.fidelity import METRICS, PairedFidelity
from ganqbench.metrics.interval import Estimate
from ganqbench.metrics.storage import load_arrays, save_arrays
from ganqbench.zoo.generator import Batches


class Evaluation:
    """Collects pairs of images and turns them into metrics.

    Without a judge there are only the metrics of pixels: psnr, ssim, mae.
    """

    def __init__(self, items: Batches, judge: Judge | None) -> None:
        self._judge = judge
        self._labels = [items.source.cluster(item) for item in range(items.start, items.start + items.n)]
        self._cluster = items.source.cluster
        self._pixels = PairedFidelity()
        self._state: EvaluationState | None = None
        self.influence: Influence | None = None
        """Of each item on `fid_delta`, once that is known; None where it has none."""
        if judge is not None:
            self._state = EvaluationState(judge.extractor.feature_identity, judge.reference.mean)

    def update(self, indices: Sequence[int], targets: Tensor, images: Tensor) -> None:
        """Adds a batch of full-precision and quantized images, N x 3 x H x W uint8."""
        if self._judge is None or self._state is None:
            self._pixels.update(indices, targets, images)
            return
        features, distances = self._judge.compare(targets, images)
        self._state.update(indices, features, (targets, images), distances)

    @property
    def complete(self) -> bool:
        """Whether every item was added."""
        return len(self._pixels if self._state is None else self._state) == len(self._labels)

    def save(self, path: Path) -> None:
        """Writes all that was added as ``.npz``, whole or not at all."""
        if self._state is not None:
            self._state.save(path)
        else:
            save_arrays(path, self._pixels.state())

    def merge(self, path: Path) -> None:
        """Adds what :meth:`save` wrote of other items; MetricError if it is damaged or doesn't fit."""
        if self._state is not None:
            self._state.merge(EvaluationState.load(path, self._state.network))
        else:
            arrays = load_arrays(path, ("items", "size", *METRICS))
            self._pixels.merge(PairedFidelity.from_state(arrays))

    def of_baseline(self, features: Array | None) -> dict[str, Estimate]:
        """Metrics of the full-precision images, of which only the features are needed."""
        if self._judge is None or features is None:
            return {}
        return self._judge.alone(np.asarray(features), self._clusters)

    def of_quantized(self, baseline_features: Array | None) -> dict[str, Estimate]:
        """Metrics of all that was added, paired with the full-precision features."""
        if self._judge is None or self._state is None:
            return self._pixels.result(self._cluster)
        features = self._state.features()
        delta = self._judge.delta(np.asarray(baseline_features), features)
        if delta.influence is not None:
            self.influence = Influence.of(delta.influence, self._labels)
        paired = self._state.paired(self._cluster)
        if "perceptual" in paired:
            paired[self._judge.perceptual] = paired.pop("perceptual")
        return {
            **paired,
            **self._judge.alone(features, self._clusters),
            **self._judge.paired(delta, self._clusters),
        }

    def identities(self, metrics: dict[str, Estimate]) -> dict[str, str]:
        """What the metrics in a feature space are computed with, by name."""
        if self._judge is None:
            return {}
        return {
            name: self._judge.identity(name, estimate.n)
            for name, estimate in metrics.items()
            if name not in METRICS
        }

    @property
    def _clusters(self) -> Sequence[Hashable] | None:
        """Labels where items share a unit; None where each stands for itself, which allows more."""
        return self._labels if len(set(self._labels)) < len(self._labels) else None
