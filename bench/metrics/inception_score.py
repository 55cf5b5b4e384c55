"""Inception score: how sure and how varied a classifier finds the images."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ganqbench.metrics.checks import features
from ganqbench.metrics.interval import Estimate, clustered_mean


def inception_score(logits: Any, clusters: Sequence[Hashable] | None = None) -> Estimate:
    """exp of the mean divergence of each image's class distribution from their mean, at least 1.

    Salimans et al., "Improved techniques for training GANs" (2016), over all images at once instead
    of ten splits. ``logits`` is ``[N, classes]``. With p_i the distributions and m their mean, the
    divergence's influence is KL(p_i | m) itself (that of m integrates to zero), so the interval is
    exp of the interval of a mean. Raises MetricError for NaN, infinity and other shapes.
    """
    scores = features("class", logits)
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    # A class that no image has adds nothing: its p is zero wherever its logarithm is infinite.
    log_mean = np.log(np.maximum(p.mean(axis=0), np.finfo(np.float64).tiny))
    divergence = (p * (log_p - log_mean)).sum(axis=1)
    labels: Sequence[Hashable] = range(len(p)) if clusters is None else clusters
    mean = clustered_mean(divergence.tolist(), labels)
    value = max(1.0, float(np.exp(mean.value)))  # rounding may leave equal distributions below
    if mean.se is None or mean.low is None or mean.high is None:
        return Estimate(value, None, None, None, mean.n, note=mean.note)
    low, high = (max(1.0, float(np.exp(end))) for end in (mean.low, mean.high))
    return Estimate(value, value * mean.se, low, high, mean.n)
