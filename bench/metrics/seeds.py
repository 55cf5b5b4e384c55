"""Several seeds of one row: what calibration adds to the uncertainty of the images.

Seeds of a row share their inputs. So the mean delta over seeds is no better known than its influence
values, averaged over the seeds input by input, allow: their spread over inputs is the sampling error,
while the spread of the values between seeds is what another calibration set would change.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from ganqbench.metrics.checks import Float64, MetricError
from ganqbench.metrics.interval import Estimate, clustered_mean, t_quantile


@dataclass(frozen=True)
class SeedSummary:
    """A row's value over calibration seeds, with the two sources of uncertainty apart.

    ``mean`` is over seeds. ``calibration_sd`` is the standard deviation between seeds: what another
    calibration set or training run would change (None for one seed). ``sampling_se`` is the standard
    error of ``mean`` that the inputs leave; with ``exact`` it comes from influence values averaged over
    the seeds, without it is the most that the seeds' own errors allow (all errors alike), None if a seed
    has none. ``low``..``high`` is the 95 % interval over both, other seeds and other inputs; None where
    either is unknown.
    """

    mean: float
    calibration_sd: float | None
    sampling_se: float | None
    low: float | None
    high: float | None
    seeds: int
    n: int
    exact: bool


def combine_seeds(
    estimates: Sequence[Estimate],
    influences: Sequence[Float64] | None = None,
    clusters: Sequence[Hashable] | None = None,
) -> SeedSummary:
    """Summarises one metric of one row over its seeds, all measured on the same inputs.

    Args:
        estimates: one per seed.
        influences: for each seed the influence ``[N]`` of every input on the value, in the same order of
            inputs (``PairedDelta.influence``).
        clusters: the independent unit of each input where inputs share one.

    The interval adds the half-widths of both sources in quadrature (Zou and Donner 2008): that over
    inputs, and Student's over calibration, t(S - 1) * calibration_sd / sqrt(S). The spread between seeds
    holds some of the sampling error too, so that the interval errs on the wide side.

    Raises MetricError if there are no seeds, their N differ, or the influences don't fit them.
    """
    count = len(estimates)
    if count == 0:
        raise MetricError("no seeds to combine")
    if len({estimate.n for estimate in estimates}) > 1:
        raise MetricError(f"seeds measured on {sorted({e.n for e in estimates})} images can't be combined")
    n = estimates[0].n
    mean = math.fsum(estimate.value for estimate in estimates) / count
    if influences is None:
        inputs = _at_most(estimates)
    else:
        inputs = _averaged(influences, count, n, range(n) if clusters is None else clusters)
    exact, sampling = influences is not None, inputs.se
    if count == 1:
        return SeedSummary(mean, None, sampling, None, None, 1, n, exact)
    spread = math.sqrt(math.fsum((estimate.value - mean) ** 2 for estimate in estimates) / (count - 1))
    if inputs.half is None:
        return SeedSummary(mean, spread, sampling, None, None, count, n, exact)
    half = math.hypot(inputs.half, t_quantile(count - 1) * spread / math.sqrt(count))
    return SeedSummary(mean, spread, sampling, mean - half, mean + half, count, n, exact)


@dataclass(frozen=True)
class _Inputs:
    """Standard error and half-width of the mean over seeds that the inputs leave."""

    se: float | None
    half: float | None


def _at_most(estimates: Sequence[Estimate]) -> _Inputs:
    """The error of a mean is at most the mean of the errors, whatever they have in common."""
    errors = [each.se for each in estimates if each.se is not None]
    halves = [
        max(each.value - each.low, each.high - each.value)
        for each in estimates
        if each.low is not None and each.high is not None
    ]
    count = len(estimates)
    return _Inputs(
        math.fsum(errors) / count if len(errors) == count else None,
        math.fsum(halves) / count if len(halves) == count else None,
    )


def _averaged(influences: Sequence[Float64], count: int, n: int, clusters: Sequence[Hashable]) -> _Inputs:
    """From influence values, averaged over the seeds first."""
    if len(influences) != count:
        raise MetricError(f"{len(influences)} sets of influence values for {count} seeds")
    for each in influences:
        if each.shape != (n,) or not np.isfinite(each).all():
            raise MetricError(f"influence values {list(each.shape)} are not {n} finite numbers")
    found = clustered_mean(np.mean(np.stack(influences), axis=0).tolist(), clusters)
    return _Inputs(found.se, None if found.high is None else found.high - found.value)
