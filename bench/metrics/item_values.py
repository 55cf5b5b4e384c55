"""One number per item, whatever the batches, order and shards were."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, item_indices, to_numpy
from ganqbench.metrics.interval import Estimate, clustered_mean


class ItemValues:
    """Values of the metric ``name`` by item number; ``worst`` says which end is the bad one."""

    def __init__(self, name: str, worst: Literal["min", "max"]) -> None:
        self.name = name
        self.worst: Literal["min", "max"] = worst
        self._values: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._values)

    def check(self, indices: Sequence[int], values: Any) -> Float64:
        """The values ``[N]`` as float64; raises MetricError where :meth:`update` would."""
        array = np.asarray(to_numpy(values), dtype=np.float64)
        if array.ndim != 1:
            raise MetricError(f"{self.name} has shape {list(array.shape)}, not [N]")
        items = item_indices(indices, len(array))
        if not np.isfinite(array).all():
            raise MetricError(f"{self.name} holds NaN or infinity")
        for item, value in zip(items, array.tolist(), strict=True):
            if self._values.get(item, value) != value:
                raise MetricError(f"item {item} came twice with different {self.name}")
        return array

    def update(self, indices: Sequence[int], values: Any) -> None:
        """Adds the values ``[N]`` of these items; an item may come again with the same value."""
        self._values.update(zip(indices, self.check(indices, values).tolist(), strict=True))

    def merge(self, other: ItemValues) -> None:
        """Adds what another instance saw."""
        self.update(list(other._values), np.array(list(other._values.values())))

    def result(self, clusters: Callable[[int], Hashable]) -> Estimate:
        """Mean with its 95 % interval and the worst item."""
        items = sorted(self._values)
        return clustered_mean(
            [self._values[item] for item in items], [clusters(item) for item in items], self.worst
        )

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays from which :meth:`from_state` restores this instance exactly."""
        items = sorted(self._values)
        return {
            "items": np.array(items, dtype=np.int64),
            "values": np.array([self._values[item] for item in items], dtype=np.float64),
        }

    @classmethod
    def from_state(
        cls, name: str, worst: Literal["min", "max"], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> ItemValues:
        """The instance that gave this :meth:`state`."""
        restored = cls(name, worst)
        restored.update(arrays["items"].tolist(), arrays["values"])
        return restored
