"""What a paired delta allows to be said about a quantized generator."""

from __future__ import annotations

import math
from enum import Enum

from ganqbench.metrics.checks import MetricError
from ganqbench.metrics.interval import Estimate

MARGIN = 0.02
"""Share of FP32's own distance that counts as no difference unless a suite says otherwise."""


class Verdict(Enum):
    """One of four; each but the last is a claim that needs an interval at the suite's N."""

    BETTER = "better than FP32"
    NO_WORSE = "no worse than FP32"
    WORSE = "worse than FP32"
    NOT_DECIDED = "not decided"


def verdict(delta: Estimate, fp32: Estimate, suite_n: int, margin: float = MARGIN) -> Verdict:
    """Judges the paired difference of a distance (smaller is better) to FP32's.

    * BETTER: the interval of ``delta`` lies wholly below 0.
    * NO_WORSE: its upper end is at most ``margin`` times FP32's distance.
    * WORSE: it lies wholly above 0 and reaches beyond the margin.
    * NOT_DECIDED: anything wider, no interval, or measured at another N than ``suite_n``: the
      distance is biased in N, and fewer images must never earn a claim.

    Raises MetricError for a margin or an ``suite_n`` that is no positive number.
    """
    if not (math.isfinite(margin) and margin > 0 and suite_n > 0):
        raise MetricError(f"a verdict needs a positive margin and N, not {margin} and {suite_n}")
    low, high = delta.low, delta.high
    if low is None or high is None or not (delta.n == fp32.n == suite_n):
        return Verdict.NOT_DECIDED
    if not all(math.isfinite(number) for number in (low, high, fp32.value)):
        return Verdict.NOT_DECIDED
    if high < 0:
        return Verdict.BETTER
    if high <= margin * fp32.value:
        return Verdict.NO_WORSE
    return Verdict.WORSE if low > 0 else Verdict.NOT_DECIDED
