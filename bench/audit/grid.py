"""Find the coarsest affine grid that a set of values lies on.

Values that came out of a quantizer are `offset + step * k` with whole numbers `k`, up to
float32 rounding. Both extremes are grid points, so with R their distance the step can only
be R / D for a whole number D, and a grid of at most 2^16 levels leaves 65,535 candidates.
Trying all of them is complete (no step is missed when the smallest gap is several steps,
when most levels are unused, or when rounding blurs the gaps) and costs little, since a few
values refute almost every candidate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_LEVELS = 2**16
ROUNDING = 2.0**-22
"""Largest error of a value relative to the largest magnitude of its group.

`(q - z) * s` is rounded once (2^-24), `q * s - z * s` three times with intermediates of up
to twice the largest magnitude (2^-22)."""
VARIANTS = 4
"""Most different values per level that are in use.

Quantizers compute a level's value always in the same way; sums of two such values may round in
a few. Within the tolerance float32 still tells thousands of values apart near zero, and
multiplied by a million they would be an operand of full precision."""
ACCIDENT = 1e-3
"""A fit counts as evidence below this expected number of accidental fits."""
_LADDER = (16, 256, MAX_LEVELS)
_PROBES = 48
_ROUNDS = 64  # each round refines the step or widens the sample; 2^16 levels allow 16 halvings
_RESOLUTION = 0.25  # a tolerance above this share of a step fits anything

_STRETCH = 2**20  # values verified at a time, to bound the memory for float64 copies

Values = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Grid:
    """An affine grid `offset + step * k`, k = 0 .. levels - 1, through a set of values.

    `distinct` counts the different values, `elements` the elements that count as independent
    evidence (see `log_accident`), `tolerance` is the distance allowed between value and grid.
    """

    step: float
    offset: float
    levels: int
    distinct: int
    elements: int
    tolerance: float

    def log_accident(self, levels: int) -> float:
        """Log of the expected number of grids of at most `levels` levels that n random reals fit.

        The extremes always fit; each of the other n - 2 values falls on a grid of D steps with
        probability 2 * tolerance * D / R. The sum over D is bounded by `levels` times its largest
        term. Two distinct values are always a grid of two levels, so there n counts repetitions
        (of nonzero values: zeros are what ReLU and pruning leave in full precision too).
        """
        n = self.distinct if self.distinct > 2 else self.elements
        if n <= 2 or levels < 2:
            return 0.0
        width = self.step * max(self.levels - 1, 1)
        hit = 2 * self.tolerance * (levels - 1) / width if width > 0 else 2 * ROUNDING * levels
        return min(0.0, (n - 2) * math.log(hit) + math.log(levels - 1)) if hit < 1 else 0.0

    def holds(self, values: Values) -> bool:
        """Whether other values lie on the same grid (extended in both directions)."""
        return not _off(values, self.step, self.offset, self.tolerance).any()


def find_grid(values: Numbers, max_levels: int = MAX_LEVELS, sample: int = 8192) -> Grid | None:
    """Coarsest affine grid of at most `max_levels` (<= 65,536) levels through all values (any shape).

    Returns None when there is none, or when a value is not finite. Whether the fit means
    anything for so few values is for `Grid.log_accident` to say.

    Of many values a strided sample is fitted first: any subset of a grid lies on that grid, so
    a sample without one settles the matter. Then every value is verified, and those off the
    sample's grid (which used only every second level, say) join the sample.
    """
    if max_levels > MAX_LEVELS:
        raise ValueError(f"at most {MAX_LEVELS} levels can be told apart in float32, not {max_levels}")
    flat = values.ravel()
    if not flat.size:
        return None
    low, high = float(flat.min()), float(flat.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    # An odd stride does not run in step with rows whose length is a power of two.
    stride = 1 if flat.size <= 2 * sample else (flat.size // sample) | 1
    points = np.unique(np.append(flat[::stride].astype(np.float64), (low, high)))
    nonzero = int(np.count_nonzero(flat))
    elements = nonzero + (nonzero < flat.size)
    for _ in range(_ROUNDS):
        grid = _fit(points, elements, max_levels)
        if grid is None or stride == 1:
            return grid
        off = _first_off(flat, grid, sample)
        if not off.size:
            return grid
        points = np.unique(np.append(points, off))
    return None


def _first_off(flat: Numbers, grid: Grid, count: int) -> Values:
    """Values off the grid, thinned out to about `count`, from the first stretch that has any."""
    for start in range(0, flat.size, _STRETCH):
        part = flat[start : start + _STRETCH].astype(np.float64)
        off = part[_off(part, grid.step, grid.offset, grid.tolerance)]
        if off.size:
            return np.asarray(off[:: max(1, off.size // count)])
    return np.empty(0)


def _fit(points: Values, elements: int, max_levels: int) -> Grid | None:
    """Fit sorted distinct values."""
    low, high = float(points[0]), float(points[-1])
    span, magnitude = high - low, max(abs(low), abs(high))
    # A value and the two extremes may each be off by the rounding error.
    tolerance = 2 * ROUNDING * magnitude
    if span <= tolerance / _RESOLUTION:
        return Grid(0.0, low, 1, 1, elements, max(tolerance, span)) if points.size <= VARIANTS else None
    unit = (points - low) / span
    blur = tolerance / span
    probes = unit[np.linspace(0, unit.size - 1, min(unit.size, _PROBES)).astype(np.int64)][1:-1]
    start = 1
    for rung in _LADDER:
        stop = min(rung, max_levels, int(_RESOLUTION / blur) + 1)
        if stop > start:
            found = _search(unit, probes, blur, start, stop)
            if found is not None:
                return _refine(points, unit, found, elements, tolerance)
            start = stop
    return None


def _search(unit: Values, probes: Values, blur: float, first: int, stop: int) -> int | None:
    """Smallest number of steps in [first, stop) that puts every value on the grid."""
    steps = np.arange(first, stop, dtype=np.float64)
    start, width = 0, 1
    while start < probes.size:  # most candidates fall at the first value, so take one, then more at a time
        scaled = steps[:, None] * probes[None, start : start + width]
        steps = steps[(np.abs(scaled - np.rint(scaled)) <= blur * steps[:, None]).all(axis=1)]
        start, width = start + width, 2 * width
        if not steps.size:
            return None
    for count in steps:
        scaled = unit * count
        if (np.abs(scaled - np.rint(scaled)) <= blur * count).all():
            return int(count)
    return None


def _refine(points: Values, unit: Values, count: int, elements: int, tolerance: float) -> Grid | None:
    """Least-squares step and offset; the extremes alone carry their own rounding errors.

    None where the levels are clouds of values that only the tolerance makes one.
    """
    index = np.rint(unit * count)
    if points.size > VARIANTS * (1 + np.count_nonzero(np.diff(index))):
        return None
    centre, mean = index - index.mean(), points.mean()
    step = float((centre * (points - mean)).sum() / np.square(centre).sum())
    offset = float(mean - step * index.mean())
    return Grid(step, offset, count + 1, points.size, elements, tolerance)


def _off(values: Values, step: float, offset: float, tolerance: float) -> NDArray[np.bool_]:
    """Which values are further than the tolerance from the grid."""
    if step == 0.0:
        return np.asarray(np.abs(values - offset) > tolerance)
    scaled = values - offset
    scaled /= step
    scaled -= np.rint(scaled)
    np.abs(scaled, out=scaled)
    return np.asarray(scaled > tolerance / step)
