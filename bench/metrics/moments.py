"""Streamed sums of features that merge to the same bits however the items were split.

Floating-point sums depend on their order. Here the order is a property of the item numbers: items
form chunks of fixed size, chunks are leaves of a binary tree, and a node is always the sum of its
two children. Which process saw an item, and when, decides only when a node gets computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, item_indices, to_numpy

CHUNK = 512
"""Items per leaf; part of the numbers' definition."""

_Key = tuple[int, int]  # level, position: covers items [position, position + 1) * CHUNK * 2^level


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sum ``[d]`` and sum of outer products ``[d, d]`` of shifted rows."""

    first: Float64
    second: Float64

    @classmethod
    def of(cls, rows: Float64) -> _Sums:
        return cls(rows.sum(axis=0), rows.T @ rows)

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(self.first + other.first, self.second + other.second)


class Moments:
    """n, sum x and sum x x' of features ``[d]``, shifted by a fixed vector against cancellation.

    A contiguous stream of N items holds about log2(N / 512) matrices ``[d, d]`` and one chunk of rows.
    """

    def __init__(self, shift: Any) -> None:
        self.shift: Float64 = np.array(to_numpy(shift), dtype=np.float64)
        if self.shift.ndim != 1 or not np.isfinite(self.shift).all():
            raise MetricError("the shift is one finite feature vector [d]")
        self._nodes: dict[_Key, _Sums] = {}
        self._rows: dict[int, dict[int, Float64]] = {}  # unfinished chunk -> item -> shifted row

    def __len__(self) -> int:
        finished = sum(CHUNK << level for level, _ in self._nodes)
        return finished + sum(len(rows) for rows in self._rows.values())

    def update(self, indices: Sequence[int], features: Any) -> None:
        """Adds the features ``[N, d]`` of these items; raises MetricError for an item that is known."""
        shifted = self.check(indices, features) - self.shift
        items = [int(index) for index in indices]
        for item, row in zip(items, shifted, strict=True):
            self._rows.setdefault(item // CHUNK, {})[item] = row
        self._finish({item // CHUNK for item in items})

    def check(self, indices: Sequence[int], features: Any) -> Float64:
        """The features ``[N, d]`` as float64; raises MetricError where :meth:`update` would."""
        values = np.asarray(to_numpy(features), dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.shift):
            raise MetricError(f"features have shape {list(values.shape)}, not [N, {len(self.shift)}]")
        if not np.isfinite(values).all():
            raise MetricError("features hold NaN or infinity")
        self._check_new(item_indices(indices, len(values)))
        return values

    def merge(self, other: Moments) -> None:
        """Adds what another instance with the same shift saw of other items."""
        if not np.array_equal(self.shift, other.shift):
            raise MetricError("moments with different shifts don't merge")
        for level, position in other._nodes:
            # A node of ours below or above theirs means that both saw its items.
            if any(_overlap((level, position), mine) for mine in self._nodes) or any(
                _overlap((level, position), (0, chunk)) for chunk in self._rows
            ):
                raise MetricError("the two states hold the same items")
        self._check_new([item for rows in other._rows.values() for item in rows])
        for key, sums in other._nodes.items():
            self._insert(key, sums)
        for chunk, rows in other._rows.items():
            self._rows.setdefault(chunk, {}).update(rows)
        self._finish(set(other._rows))

    def result(self) -> tuple[int, Float64, Float64]:
        """n, mean ``[d]`` and unbiased covariance ``[d, d]``; raises MetricError under two items."""
        n = len(self)
        if n < 2:
            raise MetricError(f"{n} items have no covariance")
        parts = dict(self._nodes)
        for chunk, rows in self._rows.items():
            parts[0, chunk] = _Sums.of(_ordered(rows))
        ordered = [parts[key] for key in sorted(parts, key=lambda key: key[1] << key[0])]
        total = ordered[0]
        for part in ordered[1:]:
            total = total + part
        covariance = (total.second - np.outer(total.first, total.first) / n) / (n - 1)
        return n, self.shift + total.first / n, covariance

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays from which :meth:`from_state` restores this instance exactly."""
        dim = len(self.shift)
        keys = sorted(self._nodes)
        pending = {item: row for rows in self._rows.values() for item, row in rows.items()}
        items = sorted(pending)
        return {
            "shift": self.shift,
            "nodes": np.array(keys, dtype=np.int64).reshape(-1, 2),
            "first": np.array([self._nodes[key].first for key in keys]).reshape(-1, dim),
            "second": np.array([self._nodes[key].second for key in keys]).reshape(-1, dim, dim),
            "items": np.array(items, dtype=np.int64),
            "rows": np.array([pending[item] for item in items]).reshape(-1, dim),
        }

    @classmethod
    def from_state(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Moments:
        """The instance that gave this :meth:`state`."""
        restored = cls(arrays["shift"])
        for key, first, second in zip(
            arrays["nodes"].tolist(), arrays["first"], arrays["second"], strict=True
        ):
            restored._nodes[key[0], key[1]] = _Sums(first, second)
        for item, row in zip(arrays["items"].tolist(), arrays["rows"], strict=True):
            restored._rows.setdefault(item // CHUNK, {})[item] = row
        return restored

    def _check_new(self, items: Sequence[int]) -> None:
        levels = {level for level, _ in self._nodes}
        for item in items:
            chunk = item // CHUNK
            if item in self._rows.get(chunk, ()) or any(
                (level, chunk >> level) in self._nodes for level in levels
            ):
                raise MetricError(f"item {item} came twice")

    def _finish(self, chunks: set[int]) -> None:
        for chunk in sorted(chunks):
            if len(self._rows[chunk]) == CHUNK:
                self._insert((0, chunk), _Sums.of(_ordered(self._rows.pop(chunk))))

    def _insert(self, key: _Key, sums: _Sums) -> None:
        level, position = key
        sibling = self._nodes.pop((level, position ^ 1), None)
        if sibling is None:
            self._nodes[key] = sums
        else:
            left, right = (sums, sibling) if position % 2 == 0 else (sibling, sums)
            self._insert((level + 1, position // 2), left + right)


def _ordered(rows: Mapping[int, Float64]) -> Float64:
    return np.stack([rows[item] for item in sorted(rows)])


def _overlap(first: _Key, second: _Key) -> bool:
    low, high = sorted((first, second))
    return low[1] >> (high[0] - low[0]) == high[1]
