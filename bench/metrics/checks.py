"""What a metric accepts, and the error for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Float64 = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

# Generators map to [-1, 1]; even a broken one stays far below this, an image in 0..255 does not.
_IMPLAUSIBLE = 100.0
_BLOCK = 2048


class MetricError(ValueError):
    """A metric was given something it can't turn into a true number."""


def to_numpy(values: Any) -> npt.NDArray[Any]:
    """A tensor (on any device) or array-like as a NumPy array, without copying where possible.

    bfloat16, which NumPy lacks, becomes float32.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = (values.float() if str(values.dtype) == "torch.bfloat16" else values).numpy()
    return np.asarray(values)


def uint8_images(name: str, images: Any) -> Pixels:
    """Images ``[N, 3, H, W]`` uint8 in 0..255, as an array; raises MetricError for anything else."""
    array = to_numpy(images)
    if array.dtype != np.uint8:
        raise MetricError(
            f"{name} images are {array.dtype}, not uint8; convert images in [-1, 1] with finite_uint8"
        )
    if array.ndim != 4 or array.shape[1] != 3:
        raise MetricError(f"{name} images have shape {list(array.shape)}, not [N, 3, H, W]")
    if 0 in array.shape[2:]:
        raise MetricError(f"{name} images of {array.shape[2]} x {array.shape[3]} have no pixels")
    return array


def finite_uint8(images: Tensor, name: str = "generated") -> Tensor:
    """Float images ``[N, 3, H, W]`` in [-1, 1] as uint8, rounded and clamped.

    Raises MetricError for NaN or infinite pixels (a cast would turn them into plausible ones),
    another dtype or shape, and for values that no [-1, 1] generator gives (a 0..255 image).
    """
    from ganqbench.zoo.generator import to_uint8

    if not images.is_floating_point():
        raise MetricError(f"{name} images are {images.dtype}, not float in [-1, 1]")
    if images.ndim != 4 or images.shape[1] != 3:
        raise MetricError(f"{name} images have shape {list(images.shape)}, not [N, 3, H, W]")
    if images.numel() == 0:
        return to_uint8(images)
    # Two reductions instead of a mask per pixel: NaN propagates through both of them.
    low, high = (float(value) for value in images.detach().aminmax())
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = images.detach().isfinite().flatten(1).all(dim=1)
        bad = (~finite).nonzero().flatten().tolist()
        raise MetricError(f"{name} images hold NaN or infinite pixels (batch positions {bad[:8]})")
    if max(-low, high) > _IMPLAUSIBLE:
        raise MetricError(f"{name} images span [{low:g}, {high:g}], not [-1, 1]")
    return to_uint8(images)


def item_indices(indices: Sequence[int], n: int) -> list[int]:
    """Item numbers of a batch of ``n``: as many as there are items, distinct, none negative."""
    items = [int(index) for index in indices]
    if len(items) != n:
        raise MetricError(f"{len(items)} indices for {n} items")
    if len(set(items)) != len(items) or any(item < 0 for item in items):
        raise MetricError("indices must be distinct and not negative")
    return items


def feature_rows(name: str, values: Any, columns: int | None = None) -> npt.NDArray[np.floating[Any]]:
    """Feature vectors ``[N, d]`` as they are, with N >= 2; raises MetricError for anything else.

    ``columns`` is the d that the other set has.
    """
    array = to_numpy(values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise MetricError(f"{name} features have shape {list(array.shape)}, not [N, d]")
    if not np.issubdtype(array.dtype, np.floating):
        raise MetricError(f"{name} features are {array.dtype}, not floating point")
    if len(array) < 2:
        raise MetricError(f"{name} features hold {len(array)} vectors; at least 2 are needed")
    if columns is not None and array.shape[1] != columns:
        raise MetricError(f"{name} features have {array.shape[1]} columns, the others {columns}")
    bad = [part.start + np.flatnonzero(~np.isfinite(array[part]).all(axis=1)) for part in blocks(len(array))]
    rows = np.concatenate(bad)
    if rows.size:
        raise MetricError(f"{name} features hold NaN or infinity in rows {rows[:8].tolist()}")
    return array


def features(name: str, values: Any, columns: int | None = None) -> Float64:
    """What :func:`feature_rows` gives, in float64 and contiguous."""
    return np.ascontiguousarray(feature_rows(name, values, columns), dtype=np.float64)


def blocks(n: int) -> Iterator[slice]:
    """Consecutive parts of ``n`` rows; what is computed in them needs no second copy of all rows.

    Their size is fixed, since sums over blocks depend on it in the last bits.
    """
    return (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))
