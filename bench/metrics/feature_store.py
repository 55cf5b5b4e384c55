"""Features kept by item, for the metrics that need each row: intervals and nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import MetricError, item_indices, to_numpy

Float32 = npt.NDArray[np.float32]
_CHUNK = 512


class FeatureStore:
    """float32 feature vectors ``[d]`` by item number: 4 d bytes an image and little else.

    What comes out is in ascending order of the items, whatever the batches, order and shards were.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        # Chunk -> its rows [_CHUNK, d] and which of them are there. Pages of rows that never come
        # are never touched.
        self._chunks: dict[int, tuple[Float32, npt.NDArray[np.bool_]]] = {}
        self._whole: Float32 | None = None

    def __len__(self) -> int:
        return sum(int(there.sum()) for _, there in self._chunks.values())

    @property
    def items(self) -> list[int]:
        """Item numbers seen so far, ascending."""
        found: list[int] = []
        for chunk in sorted(self._chunks):
            found += (np.flatnonzero(self._chunks[chunk][1]) + chunk * _CHUNK).tolist()
        return found

    def update(self, indices: Sequence[int], features: Any) -> None:
        """Adds the features ``[N, d]`` of these items (rounded to float32).

        An item may come again with the same features; raises MetricError if they differ, and for
        NaN, infinity and other shapes.
        """
        values = np.asarray(to_numpy(features)).astype(np.float32, copy=False)
        if values.ndim != 2 or values.shape[1] != self.dim:
            raise MetricError(f"features have shape {list(values.shape)}, not [N, {self.dim}]")
        items = np.array(item_indices(indices, len(values)), dtype=np.int64)
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if bad.size:
            raise MetricError(f"features of items {items[bad[:8]].tolist()} hold NaN or infinity")
        self._add(items, values)

    def merge(self, other: FeatureStore) -> None:
        """Adds what another instance saw."""
        if other.dim != self.dim:
            raise MetricError(f"features of {other.dim} and {self.dim} columns don't merge")
        for chunk, (rows, there) in other._chunks.items():
            places = np.flatnonzero(there)
            self._add(places + chunk * _CHUNK, rows[places])

    def array(self) -> Float32:
        """The features ``[N, d]`` in ascending order of :attr:`items`, read-only.

        Finished chunks move into the array, so that both together take no more memory than one.
        """
        if self._whole is None:
            whole = np.empty((len(self), self.dim), dtype=np.float32)
            start = 0
            for chunk in sorted(self._chunks):
                rows, there = self._chunks[chunk]
                part = whole[start : start + int(there.sum())]
                part[:] = rows[there]
                if there.all():
                    self._chunks[chunk] = part, there
                start += len(part)
            self._whole = whole.view()
            self._whole.flags.writeable = False
        return self._whole

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays from which :meth:`from_state` restores this instance exactly."""
        return {"items": np.array(self.items, dtype=np.int64), "features": self.array()}

    @classmethod
    def from_state(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> FeatureStore:
        """The instance that gave this :meth:`state`."""
        restored = cls(arrays["features"].shape[1])
        restored.update(arrays["items"].tolist(), arrays["features"])
        return restored

    def _add(self, items: npt.NDArray[np.int64], values: Float32) -> None:
        groups = [
            (int(chunk), np.flatnonzero(items // _CHUNK == chunk)) for chunk in np.unique(items // _CHUNK)
        ]
        for chunk, picked in groups:
            if chunk not in self._chunks:
                continue
            rows, there = self._chunks[chunk]
            places = items[picked] % _CHUNK
            differ = there[places] & (rows[places] != values[picked]).any(axis=1)
            if differ.any():
                raise MetricError(f"item {items[picked][differ][0]} came twice with different features")
        for chunk, picked in groups:
            if chunk not in self._chunks:
                empty = np.empty((_CHUNK, self.dim), dtype=np.float32), np.zeros(_CHUNK, dtype=np.bool_)
                self._chunks[chunk] = empty
            rows, there = self._chunks[chunk]
            places = items[picked] % _CHUNK
            new = ~there[places]
            if new.any():
                rows[places[new]] = values[picked][new]
                there[places] = True
                self._whole = None
