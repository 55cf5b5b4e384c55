"""Kernel distances (KID): the unbiased squared maximum mean discrepancy with a cubic kernel.

Binkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs" (2018): k(x, y) = (x'y / d + 1)^3.
By default every pair counts, which is exact and needs no seed; the mean over random subsets that
other tools report has the same expectation and more noise.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, feature_rows
from ganqbench.metrics.curvature import interval, second_order_variance, shape_of
from ganqbench.metrics.interval import Estimate, clustered_mean, distance_interval, t_quantile
from ganqbench.metrics.kernel_fit import KernelFit, mean_kernel, own_kernel
from ganqbench.metrics.reference import Reference

Rows = npt.NDArray[np.floating[Any]]


def kid(real: Any, fake: Any, clusters: Sequence[Hashable] | None = None) -> Estimate:
    """Squared kernel distance of features ``fake`` ``[N, d]`` to ``real`` ``[M, d]``, over all pairs.

    ``real`` may be a :class:`Reference` that keeps rows, whose own kernel is then at hand.

    Unbiased, so it may be slightly negative, and comparable between different N. The interval holds
    the real features fixed: with h_i the mean kernel of row i within the fakes minus that with the
    reals, SE = 2 std(h) / sqrt(N) (Hoeffding's first-order term, which near zero is conservative),
    and is formed on the root of the distance to the reals at hand. That is never negative and larger than
    the expectation of the estimate by what leaving out pairs of equal reals takes off. A sample whose root
    is small by chance along a direction that outweighs all others (two classes) has a small SE by the same
    chance, so the upper end of independent rows is no lower than that of the profile likelihood, which
    knows how far that direction moves (``curvature``).
    ``clusters`` names the independent unit of each row of ``fake`` where rows share one.
    Raises MetricError for NaN, infinity, shapes that don't fit and fewer than two rows.
    """
    real_rows, kernel = _real(real)
    rows = feature_rows("fake", fake, real_rows.shape[1])
    real_mean = mean_kernel(real_rows) if kernel is None else kernel
    measured = KernelFit(real_rows, real_mean, rows)
    estimate = _estimate(measured.value, measured.influence, clusters)
    if estimate.se is None or estimate.low is None or estimate.high is None:
        return estimate
    taken_off = (float(own_kernel(real_rows).mean()) - real_mean) / len(real_rows)
    distance = measured.value + taken_off
    low, high = distance_interval(distance, (estimate.high - estimate.low) / 2)
    if clusters is None:
        shape = shape_of(measured, estimate.se, second_order_variance(measured))
        high = max(high, interval(distance, shape, t_quantile(len(rows) - 1))[1])
    return replace(estimate, low=min(low - taken_off, measured.value), high=high - taken_off)


def kid_delta(real: Any, fp32: Any, quantized: Any, clusters: Sequence[Hashable] | None = None) -> Estimate:
    """How much farther ``quantized`` is from ``real`` than ``fp32`` is, paired by row ``[N, d]``.

    Row i of both must come from one input; negative means better than FP32.
    """
    real_rows, _ = _real(real)
    base_rows = feature_rows("fp32", fp32, real_rows.shape[1])
    rows = feature_rows("quantized", quantized, real_rows.shape[1])
    if len(base_rows) != len(rows):
        raise MetricError(f"{len(base_rows)} fp32 rows and {len(rows)} quantized rows are not paired")
    # The reals' own mean cancels.
    base, measured = KernelFit(real_rows, 0.0, base_rows), KernelFit(real_rows, 0.0, rows)
    return _estimate(measured.value - base.value, measured.influence - base.influence, clusters)


def kid_subsets(
    real: Any, fake: Any, rng: np.random.Generator, subsets: int = 100, size: int = 1000
) -> Estimate:
    """The mean over random subsets, as published KIDs are computed; for comparison with them.

    Each of ``subsets`` draws takes min(``size``, N, M) rows of both without replacement. Subsets
    overlap, so their scatter is no standard error and there is no interval.
    """
    real_rows, _ = _real(real)
    rows = feature_rows("fake", fake, real_rows.shape[1])
    count = min(size, len(real_rows), len(rows))
    if subsets < 1 or count < 2:
        raise MetricError(f"{subsets} subsets of {count} rows give no distance")
    values = []
    for _ in range(subsets):
        some_real = real_rows[rng.choice(len(real_rows), count, replace=False)]
        some = rows[rng.choice(len(rows), count, replace=False)]
        values.append(KernelFit(some_real, mean_kernel(some_real), some).value)
    note = f"mean of {subsets} subsets of {count}: no interval"
    return Estimate(float(np.mean(values)), None, None, None, len(rows), note=note)


def _real(real: Any) -> tuple[Rows, float | None]:
    """The real rows, and the mean of their kernel where it is known."""
    if isinstance(real, Reference):
        kept = real.require_rows()
        return feature_rows("kept", kept.rows), kept.kernel
    return feature_rows("real", real), None


def _estimate(value: float, influence: Float64, clusters: Sequence[Hashable] | None) -> Estimate:
    labels: Sequence[Hashable] = range(len(influence)) if clusters is None else clusters
    spread = clustered_mean(influence.tolist(), labels)
    if spread.se is None or spread.low is None or spread.high is None:
        return Estimate(value, None, None, None, len(influence), note=spread.note)
    half = (spread.high - spread.low) / 2
    return Estimate(value, spread.se, value - half, value + half, len(influence))
