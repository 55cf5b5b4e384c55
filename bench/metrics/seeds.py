"""Several seeds of one row: what calibration adds to the uncertainty of the images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ganqbench.metrics.checks import MetricError
from ganqbench.metrics.interval import Estimate, t_quantile


@dataclass(frozen=True)
class SeedSummary:
    """A row's value over calibration seeds, with the two sources of uncertainty apart.

    ``mean`` is over seeds. ``calibration_sd`` is the standard deviation between seeds: what another
    calibration set or training run would change. ``sampling_se`` is the standard error that the
    images leave, the root mean square of the seeds' own (None if one has none): all seeds are judged
    on the same images, so their mean is no better known than one of them. ``low``..``high`` is the
    95 % interval of the mean over calibration seeds on these very images, None for one seed.
    """

    mean: float
    calibration_sd: float | None
    sampling_se: float | None
    low: float | None
    high: float | None
    seeds: int


def combine_seeds(estimates: Sequence[Estimate]) -> SeedSummary:
    """Summarises one metric of one row over its seeds; raises MetricError if their N differ.

    The interval is Student's: mean +- t(S - 1) * sd / sqrt(S).
    """
    count = len(estimates)
    if count == 0:
        raise MetricError("no seeds to combine")
    if len({estimate.n for estimate in estimates}) > 1:
        raise MetricError(f"seeds measured on {sorted({e.n for e in estimates})} images can't be combined")
    mean = math.fsum(estimate.value for estimate in estimates) / count
    errors = [estimate.se for estimate in estimates if estimate.se is not None]
    sampling = math.sqrt(math.fsum(se * se for se in errors) / count) if len(errors) == count else None
    if count == 1:
        return SeedSummary(mean, None, sampling, None, None, 1)
    spread = math.sqrt(math.fsum((estimate.value - mean) ** 2 for estimate in estimates) / (count - 1))
    half = t_quantile(count - 1) * spread / math.sqrt(count)
    return SeedSummary(mean, spread, sampling, mean - half, mean + half, count)
