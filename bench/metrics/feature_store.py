"""Features kept by item, for the metrics that need each row: intervals and nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import MetricError, item_indices, to_numpy

Float32 = npt.NDArray[np.float32]


class FeatureStore:
    """float32 feature vectors ``[d]`` by item number: 4 d bytes an image.

    What comes out is in ascending order of the items, whatever the batches, order and shards were.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._rows: dict[int, Float32] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def items(self) -> list[int]:
        """Item numbers seen so far, ascending."""
        return sorted(self._rows)

    def update(self, indices: Sequence[int], features: Any) -> None:
        """Adds the features ``[N, d]`` of these items (rounded to float32).

        An item may come again with the same features; raises MetricError if they differ, and for
        NaN, infinity and other shapes.
        """
        values = np.array(to_numpy(features), dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != self.dim:
            raise MetricError(f"features have shape {list(values.shape)}, not [N, {self.dim}]")
        items = item_indices(indices, len(values))
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if bad.size:
            raise MetricError(f"features of items {[items[i] for i in bad[:8]]} hold NaN or infinity")
        self._add(dict(zip(items, values, strict=True)))

    def merge(self, other: FeatureStore) -> None:
        """Adds what another instance saw."""
        if other.dim != self.dim:
            raise MetricError(f"features of {other.dim} and {self.dim} columns don't merge")
        self._add(other._rows)

    def array(self) -> Float32:
        """The features ``[N, d]`` in ascending order of :attr:`items`."""
        if not self._rows:
            return np.empty((0, self.dim), dtype=np.float32)
        return np.stack([self._rows[item] for item in self.items])

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays from which :meth:`from_state` restores this instance exactly."""
        return {"items": np.array(self.items, dtype=np.int64), "features": self.array()}

    @classmethod
    def from_state(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> FeatureStore:
        """The instance that gave this :meth:`state`."""
        restored = cls(arrays["features"].shape[1])
        restored.update(arrays["items"].tolist(), arrays["features"])
        return restored

    def _add(self, rows: Mapping[int, Float32]) -> None:
        for item, row in rows.items():
            if item in self._rows and not np.array_equal(self._rows[item], row):
                raise MetricError(f"item {item} came twice with different features")
        self._rows.update(rows)
