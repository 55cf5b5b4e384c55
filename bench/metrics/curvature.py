"""The second order of a Fréchet distance: what it does to standard errors and to intervals.

Near a distance's minimum its first order fades and the second remains. With q the influence of each
row, K the second derivative along pairs of rows and N rows, the sample's gradient has squared length
SE^2 = |q|^2 / N^2, whose expectation holds 4 sum_i l_i^2 of the curvatures l_i = eigenvalues of
K / (2 N), while the distance's own variance holds 2 sum_i l_i^2 (a sum of chi-squares).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, blocks

# Pairs of rows that the mean square of the second derivative is taken over.
_PAIRS = 4096
_AT_ONCE = 1024
# Rows and steps of the search for the direction of most curvature.
_SEARCHED = 2048
_STEPS = 5
# A sample whose influences are this skewed says little about how much more skewed the truth is.
_MOST_SKEW = 0.25
# Ways to share a move out; between two of them an end differs by 2e-5 of the width.
_ANGLES = 129


class Curved(Protocol):
    """A distance of ``n`` rows and its first two derivatives along them, as a ``Fit`` has them."""

    @property
    def n(self) -> int:
        """Number of rows."""

    @property
    def influence(self) -> Float64 | None:
        """Of each row, ``[N]``; None where there is no derivative."""

    def curvature(self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> Float64:
        """Along pairs of rows, ``[len(first)]``."""

    def second_derivative(
        self, rows: npt.NDArray[np.int64], weights: Float64, at: slice | npt.NDArray[np.int64]
    ) -> Float64:
        """Weighted sum of :meth:`curvature` over ``rows``, ``[len(at)]`` up to a constant."""

    def bend(self, direction: Float64, step: float) -> float:
        """Half the second derivative over a change by ``step`` along ``direction`` ``[N]``."""


@dataclass(frozen=True)
class Shape:
    """How the distance moves over one standard error of its sample, in units of the distance.

    ``slope`` and ``bend`` belong to the direction of most curvature, ``rest`` and ``rest_bend`` to all
    others together. ``skew`` is the acceleration sum q^3 / (6 (sum q^2)^1.5).
    """

    slope: float
    bend: float
    rest: float
    rest_bend: float
    skew: float


def second_order_variance(fit: Curved, minus: Curved | None = None) -> float:
    """Variance of the second-order part of ``fit.value`` (less ``minus.value``, of paired rows).

    The second-order term is sum_ij k(x_i, x_j) / (2 N^2) with k the (difference of) curvatures; its
    variance is E k^2 / (2 N^2). The expectation is taken over rows that lie 1, 2, ... places apart:
    independent pairs without a random generator, and all pairs of a small sample.
    """
    n = fit.n
    count = n * (n - 1)
    pairs = np.arange(count if count <= 2 * _PAIRS else _PAIRS)
    total = 0.0
    for part in np.array_split(pairs, -(-len(pairs) // _AT_ONCE)):
        first = part % n
        second = (first + part // n + 1) % n
        curvature = fit.curvature(first, second)
        if minus is not None:
            curvature -= minus.curvature(first, second)
        total += float(curvature @ curvature)
    return total / len(pairs) / (2 * n * n)


def once(se: float, second_order: float) -> float:
    """The standard error without the excess that the influence function has of the second order.

    It holds that variance twice (see above), so it is subtracted once, but never more than half: where
    the first order vanishes the second order is exactly half of it.
    """
    return math.sqrt(max(se * se - second_order, se * se / 2))


def shape_of(fit: Curved, se: float, second_order: float) -> Shape:
    """The shape of a fit of independent rows with influence-function error ``se``.

    The direction of most curvature is searched for in two halves of the rows by power iteration; its
    curvature is what the two agree on, since in one half alone outliers and chance look curved.
    """
    assert fit.influence is not None
    n = fit.n
    influence = fit.influence - fit.influence.mean()
    squares = float(influence @ influence)
    if squares == 0:
        return Shape(0.0, 0.0, 0.0, 0.0, 0.0)
    skew = acceleration(influence)
    direction, bend = _most_curved(fit)
    along = float(direction @ influence)
    slope = min(abs(along) / n, se)
    bend = min(bend, math.sqrt(second_order / 2))
    plug_in = math.sqrt(se * se - slope * slope)
    rest = once(plug_in, second_order - 2 * bend * bend)
    others = influence - along * direction
    # Where the second order is all there is, the direction of the influence is partly chance, and so
    # is its bend: it counts from whole (first order only) down to half, as simulations bear out.
    counts = rest * rest / (plug_in * plug_in) if plug_in > 0 else 0.0
    return Shape(slope, bend, rest, counts * fit.bend(others, rest), skew)


def interval(value: float, shape: Shape, factor: float) -> tuple[float, float]:
    """Interval of the expectation at this N, for the two-sided normal or Student ``factor``.

    In the direction of most curvature the distance is (d + a Z)^2 with expectation d^2 + a^2 and a^2 its
    bend: moving d by ``w`` standard errors moves the expectation by w * slope +- w^2 * bend, down to where
    d is zero. The ends are the smallest and largest expectation over the ellipse of moves along this
    direction and all others whose squares add up to ``factor^2``: the profile likelihood's interval
    (Venzon and Moolgavkar 1988). Where d may be zero, its own interval ends there, and widths of separate
    intervals don't add in quadrature: what the one direction can't use of ``factor`` is left to the others.

    Skewed influences lengthen the upper and shorten the lower move as in DiCiccio and Efron's ABC
    intervals (1992): factor w becomes w / (1 - skew * w)^2.
    """
    angles = np.linspace(0, math.pi / 2, _ANGLES)
    ends = []
    for sign in (-1.0, 1.0):
        steps = skewed(sign * factor, shape.skew)
        along, across = steps * np.cos(angles), steps * np.sin(angles)
        moves = across * shape.rest
        if sign > 0:
            moves += along * shape.slope + along * along * shape.bend + across * across * shape.rest_bend
        else:
            # The others' bend is that along a noisy direction, too large to shorten a move by.
            lowest = shape.slope / (2 * shape.bend) if shape.bend > 0 else math.inf
            along = np.minimum(along, lowest)
            moves += along * shape.slope - along * along * shape.bend
        ends.append(value + shape.bend + sign * float(moves.max()))
    return max(0.0, min(ends[0], value)), max(ends[1], value)


def acceleration(influence: Float64) -> float:
    """sum q^3 / (6 (sum q^2)^1.5) of influences ``[N]``, no further from 0 than a sample can vouch for."""
    centred = influence - influence.mean()
    squares = float(centred @ centred)
    if squares == 0:
        return 0.0
    skew = float((centred**3).sum() / (6 * squares**1.5))
    return min(max(skew, -_MOST_SKEW), _MOST_SKEW)


def skewed(factor: float, skew: float) -> float:
    """How many standard errors the end on the side of ``factor``'s sign lies away, for that acceleration.

    Efron 1987, section 3: the corrected end of a mean is w / (1 - skew * w)^2 with w = skew + factor.
    """
    shifted = skew + factor
    return abs(shifted) / (1 - skew * shifted) ** 2


def _most_curved(fit: Curved) -> tuple[Float64, float]:
    """Unit vector ``[N]`` over the rows in the direction of most curvature, and that curvature."""
    # Neighbours in a stream may alternate between classes, so halves are not every other row.
    chosen = np.arange(0, fit.n, -(-fit.n // _SEARCHED))
    halves = np.array_split(chosen, 2)
    found = []
    for rows in halves:
        weights = _unit(np.where(np.arange(len(rows)) % 2 == 0, 1.0, -1.0))
        for _ in range(_STEPS):
            weights = _unit(fit.second_derivative(rows, weights, rows))
        found.append(weights)
    agreement = float(found[1] @ fit.second_derivative(halves[0], found[0], halves[1]))
    bend = abs(agreement) / math.sqrt(len(halves[0]) * len(halves[1])) / (2 * fit.n)
    total = np.zeros(fit.n)
    for rows, weights, sign in zip(halves, found, (1.0, math.copysign(1.0, agreement)), strict=True):
        own = np.empty(fit.n)
        for part in blocks(fit.n):
            own[part] = fit.second_derivative(rows, weights, part)
        total += sign * _unit(own)
    return _unit(total), bend


def _unit(vector: npt.NDArray[np.float64]) -> Float64:
    """The vector centred and scaled to length 1 (zero stays zero)."""
    centred = vector - vector.mean()
    length = float(np.linalg.norm(centred))
    result: Float64 = centred / length if length > 0 else centred
    return result
