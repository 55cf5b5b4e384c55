"""Paired fidelity: how far each quantized image is from the full-precision one of the same input."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, Pixels, item_indices, uint8_images
from ganqbench.metrics.interval import Estimate, clustered_mean
from ganqbench.metrics.ssim import ssim

PSNR_CAP = 100.0
"""PSNR in dB of identical images, and the most any pair gets; unequal uint8 images stay below."""
METRICS: tuple[str, ...] = ("psnr", "ssim", "mae")
_WORST: Mapping[str, Literal["min", "max"]] = {"psnr": "min", "ssim": "min", "mae": "max"}


def psnr(reference: Pixels, candidate: Pixels) -> Float64:
    """Peak signal-to-noise ratio in dB per image ``[N]``: 10 log10(255^2 / MSE), at most 100 dB."""
    difference = reference.astype(np.int32) - candidate
    count = difference[0].size if len(difference) else 1
    # Sums of squares of integers are exact, so no order of summation can show in the result.
    squares = (difference * difference).sum(axis=(1, 2, 3), dtype=np.int64)
    return np.array(
        [min(PSNR_CAP, 10 * math.log10(255**2 * count / int(s))) if s else PSNR_CAP for s in squares],
        dtype=np.float64,
    )


def mean_absolute_error(reference: Pixels, candidate: Pixels) -> Float64:
    """Mean absolute difference per image ``[N]``, in units of 0..255."""
    difference = np.abs(reference.astype(np.int32) - candidate)
    count = difference[0].size if len(difference) else 1
    result: Float64 = difference.sum(axis=(1, 2, 3), dtype=np.int64) / count
    return result


@dataclass
class PairedFidelity:
    """Per-image PSNR, SSIM and mean absolute error of a stream of image pairs.

    Values are kept by item number (24 bytes an image), so neither batch size, nor order, nor how
    the items were split over processes changes a bit of the result.
    """

    _values: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    _size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self._values)

    @property
    def items(self) -> list[int]:
        """Item numbers seen so far, ascending."""
        return sorted(self._values)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the images, None before the first."""
        return self._size

    def update(self, indices: Sequence[int], reference: Any, candidate: Any) -> None:
        """Adds a batch: item numbers and their images ``[N, 3, H, W]`` uint8 (tensor or array).

        An item may come again with the same values (a resumed run repeats a batch); raises
        MetricError if its values differ, and for other dtypes, shapes or sizes.
        """
        first = uint8_images("reference", reference)
        second = uint8_images("candidate", candidate)
        if first.shape != second.shape:
            raise MetricError(
                f"reference images {list(first.shape)} and candidate images {list(second.shape)} differ"
            )
        items = item_indices(indices, len(first))
        rows = zip(
            psnr(first, second).tolist(),
            ssim(first, second).tolist(),
            mean_absolute_error(first, second).tolist(),
            strict=True,
        )
        self._add(dict(zip(items, rows, strict=True)), (first.shape[2], first.shape[3]))

    def merge(self, other: PairedFidelity) -> None:
        """Adds what another instance saw of the same set of items."""
        if other._size is not None:
            self._add(other._values, other._size)

    def per_image(self) -> dict[str, Float64]:
        """Values of each metric in ascending item order, ``[N]`` float64 each."""
        table = np.array([self._values[item] for item in self.items], dtype=np.float64).reshape(-1, 3)
        return {name: table[:, column].copy() for column, name in enumerate(METRICS)}

    def result(self, clusters: Callable[[int], Hashable]) -> dict[str, Estimate]:
        """Mean, 95 % interval and worst image of ``psnr`` (dB), ``ssim`` and ``mae`` (0..255 units).

        ``clusters`` maps an item to its independent unit (``InputSource.cluster``): the intervals
        cover the mean over photographs or glyphs, not over crops of the ones at hand.
        """
        labels = [clusters(item) for item in self.items]
        values = self.per_image()
        return {name: clustered_mean(values[name].tolist(), labels, _WORST[name]) for name in METRICS}

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays from which :meth:`from_state` restores this instance exactly."""
        size = self._size or (0, 0)
        arrays: dict[str, npt.NDArray[Any]] = dict(self.per_image())
        return {"items": np.array(self.items, dtype=np.int64), "size": np.array(size), **arrays}

    @classmethod
    def from_state(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> PairedFidelity:
        """The instance that gave this :meth:`state`."""
        restored = cls()
        size = arrays["size"].tolist()
        rows = zip(*(arrays[name].tolist() for name in METRICS), strict=True)
        if any(size):
            restored._add(dict(zip(arrays["items"].tolist(), rows, strict=True)), (size[0], size[1]))
        return restored

    def _add(self, rows: Mapping[int, tuple[float, float, float]], size: tuple[int, int]) -> None:
        if self._size not in (None, size):
            raise MetricError(f"images of {size} after images of {self._size}")
        for item, row in rows.items():
            if self._values.get(item, row) != row:
                raise MetricError(f"item {item} came twice with different images")
        self._size = size
        self._values.update(rows)
