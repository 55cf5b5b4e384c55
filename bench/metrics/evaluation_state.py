"""All that a generator's images add up to: one state to feed, merge, save and resume."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, item_indices, to_numpy
from ganqbench.metrics.feature_store import FeatureStore, Float32
from ganqbench.metrics.fidelity import PairedFidelity
from ganqbench.metrics.interval import Estimate
from ganqbench.metrics.item_values import ItemValues
from ganqbench.metrics.metric_identity import FeatureIdentity
from ganqbench.metrics.moments import Moments
from ganqbench.metrics.storage import load_arrays, save_arrays


class EvaluationState:
    """Moments, kept features and paired fidelity of a stream of images, by item number.

    Neither batches, nor their order, nor how the items were split over processes changes a bit of
    what comes out. Memory: a few matrices ``[d, d]``, 4 d bytes for each kept item, and some numbers
    per item.
    """

    def __init__(self, network: FeatureIdentity, shift: Any, keep: int | None = None) -> None:
        """An empty state.

        Args:
            network: what the features are features of; states of others are refused.
            shift: a fixed vector ``[d]`` near the mean, such as the reference's.
            keep: features of items below this number are kept, by default of all. Intervals of
                Fréchet distances need all.
        """
        self.network = network
        self.keep = keep
        self.moments = Moments(shift)
        self.kept = FeatureStore(len(self.moments.shift))
        self.fidelity = PairedFidelity()
        self.perceptual = ItemValues("perceptual", "max")

    def __len__(self) -> int:
        return len(self.moments)

    def update(
        self,
        indices: Sequence[int],
        features: Any,
        pair: tuple[Any, Any] | None = None,
        perceptual: Any | None = None,
    ) -> None:
        """Adds a batch of items; one that was added before raises MetricError, and nothing changes.

        Args:
            indices: item numbers ``[N]``, distinct.
            features: ``[N, d]`` of the generator's images.
            pair: reference and candidate images, both ``[N, 3, H, W]`` uint8.
            perceptual: distance of each pair ``[N]``.
        """
        items = item_indices(indices, len(to_numpy(features)))
        self.moments.check(items, features)
        values = None if perceptual is None else self.perceptual.check(items, perceptual)
        if pair is not None:
            self.fidelity.update(items, *pair)
        if values is not None:
            self.perceptual.update(items, values)
        rows = np.asarray(to_numpy(features))
        mine = [place for place, item in enumerate(items) if self.keep is None or item < self.keep]
        self.kept.update([items[place] for place in mine], rows[mine])
        self.moments.update(items, rows)

    def merge(self, other: EvaluationState) -> None:
        """Adds what another state saw of other items; raises MetricError if the two don't fit."""
        if other.network != self.network:
            raise MetricError(f"features of {other.network} don't merge with those of {self.network}")
        if other.keep != self.keep:
            raise MetricError(f"a state that keeps {other.keep} items doesn't merge with one of {self.keep}")
        if (
            None not in (self.fidelity.size, other.fidelity.size)
            and self.fidelity.size != other.fidelity.size
        ):
            raise MetricError(
                f"images of {other.fidelity.size} don't merge with images of {self.fidelity.size}"
            )
        # Refuses common items, so that nothing after it can fail half-way.
        self.moments.merge(other.moments)
        self.kept.merge(other.kept)
        self.fidelity.merge(other.fidelity)
        self.perceptual.merge(other.perceptual)

    def features(self) -> Float32:
        """Kept features ``[N, d]`` in ascending item order, read-only."""
        return self.kept.array()

    def gaussian(self) -> tuple[int, Float64, Float64]:
        """n, mean ``[d]`` and covariance ``[d, d]`` of all items."""
        return self.moments.result()

    def paired(self, clusters: Callable[[int], Hashable]) -> dict[str, Estimate]:
        """psnr, ssim, mae and perceptual, those of them that were added."""
        found = self.fidelity.result(clusters) if len(self.fidelity) else {}
        if len(self.perceptual):
            found["perceptual"] = self.perceptual.result(clusters)
        for name, estimate in found.items():
            if estimate.n != len(self):
                raise MetricError(f"{name} was added for {estimate.n} of {len(self)} items")
        return found

    def save(self, path: Path) -> None:
        """Writes the state as ``.npz``, whole or not at all."""
        parts: dict[str, Moments | FeatureStore | PairedFidelity | ItemValues] = {
            "moments": self.moments,
            "features": self.kept,
            "fidelity": self.fidelity,
            "perceptual": self.perceptual,
        }
        identity = [self.network.extractor, self.network.weights, self.network.resizer]
        arrays: dict[str, npt.NDArray[Any]] = {
            "network": np.array(identity),
            "keep": np.array(-1 if self.keep is None else self.keep),
        }
        for part, content in parts.items():
            arrays |= {f"{part}.{name}": array for name, array in content.state().items()}
        save_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path, network: FeatureIdentity | None = None) -> EvaluationState:
        """The state that :meth:`save` wrote.

        Raises MetricError if the file is missing or damaged, or of another network than ``network``.
        """
        arrays = load_arrays(path, ("network", "keep"))
        try:
            state = _restore(cls, arrays)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise MetricError(f"{path} is damaged or no evaluation state: {error}") from error
        if network is not None and state.network != network:
            raise MetricError(f"{path} holds features of {state.network}, not {network}")
        return state


def _restore(cls: type[EvaluationState], arrays: Mapping[str, npt.NDArray[Any]]) -> EvaluationState:
    extractor, weights, resizer = (str(text) for text in arrays["network"].tolist())
    keep = int(arrays["keep"])

    def part(name: str) -> dict[str, npt.NDArray[Any]]:
        return {key.split(".", 1)[1]: array for key, array in arrays.items() if key.startswith(f"{name}.")}

    moments = Moments.from_state(part("moments"))
    state = cls(FeatureIdentity(extractor, weights, resizer), moments.shift, None if keep < 0 else keep)
    state.moments = moments
    state.kept = FeatureStore.from_state(part("features"))
    state.fidelity = PairedFidelity.from_state(part("fidelity"))
    state.perceptual = ItemValues.from_state("perceptual", "max", part("perceptual"))
    expected = len(moments) if keep < 0 else min(keep, len(moments))
    if state.kept.dim != len(moments.shift) or (keep < 0 and len(state.kept) != expected):
        raise ValueError("its parts don't belong together")
    return state
