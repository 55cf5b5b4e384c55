"""A number with its uncertainty, and the mean of values that come in clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from ganqbench.metrics.checks import MetricError

LEVEL = 0.95
"""Confidence level of every interval."""


@dataclass(frozen=True)
class Estimate:
    """What a metric measured.

    ``se`` is the standard error and ``low``..``high`` the 95 % interval, all None where no sound
    interval exists (one cluster, or fewer images than features). ``n`` counts images. ``worst`` is
    the worst single image's value for metrics that have one. ``note`` says what a reader must know.
    """

    value: float
    se: float | None
    low: float | None
    high: float | None
    n: int
    worst: float | None = None
    note: str | None = None


def t_quantile(degrees: int, level: float = LEVEL) -> float:
    """The factor of a two-sided Student interval with that many degrees of freedom (>= 1)."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2))


def normal_quantile(level: float = LEVEL) -> float:
    """The factor of a two-sided normal interval (1.96 at 95 %)."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def clustered_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    worst: Literal["min", "max"] | None = None,
) -> Estimate:
    """The mean of ``values`` with an interval that respects clusters.

    ``clusters[i]`` names the independent unit that value i came from. Crops of one photograph
    resemble each other, so they count as one draw: with residual sums S_g of the G clusters and n
    values,

        SE^2 = G / (G - 1) * sum_g S_g^2 / n^2,    interval = mean +- t(G - 1) * SE,

    the cluster-robust variance of a mean (Liang and Zeger 1986; finite-sample factor and degrees of
    freedom as in Cameron and Miller 2015, section VI). With clusters of one value it is the usual
    s / sqrt(n). One cluster has no interval. Sums are exact (``math.fsum``), so the order of the
    values does not matter to the last bit.
    """
    n = len(values)
    if n == 0:
        raise MetricError("no values to average")
    if len(clusters) != n:
        raise MetricError(f"{len(clusters)} cluster labels for {n} values")
    if not all(math.isfinite(value) for value in values):
        raise MetricError("values hold NaN or infinity")
    # Rounding must not put the mean of equal values beside them.
    mean = min(max(math.fsum(values) / n, min(values)), max(values))
    extreme = {None: None, "min": min(values), "max": max(values)}[worst]
    members: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        members.setdefault(cluster, []).append(value - mean)
    count = len(members)
    if count < 2:
        return Estimate(mean, None, None, None, n, extreme, "one cluster: no interval")
    squares = math.fsum(math.fsum(group) ** 2 for group in members.values())
    se = math.sqrt(count / (count - 1) * squares) / n
    half = t_quantile(count - 1) * se
    return Estimate(mean, se, mean - half, mean + half, n, extreme)


def distance_interval(value: float, half: float, bend: float | None = None) -> tuple[float, float]:
    """Interval of a squared distance whose linear half-width is ``half``, never below 0.

    A squared distance near zero is skewed to the right: it moves along ``value + t half + t^2 bend``,
    t from -1 to 1, with ``bend`` half the second derivative (the quadratic term of DiCiccio and
    Efron's ABC intervals, 1992). The lower end is the parabola's lowest point on the way.

    Without ``bend`` the root is taken to be normal, which makes it ``half^2 / (4 value)``, and where
    the half-width exceeds twice the value, so that the root has no meaning left, ``half / 2``.
    """
    if bend is None:
        if half <= 0:
            return value, value
        bend = half / 2 if half >= 2 * value else half * half / (4 * value)
        if half >= 2 * value:
            return 0.0, value + half + bend
    low = value - half + bend if 2 * bend <= half else value - half * half / (4 * bend)
    return max(0.0, min(low, value)), value + half + bend
