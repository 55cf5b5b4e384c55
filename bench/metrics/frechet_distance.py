"""Fréchet distances with their uncertainty: to a reference, between two generators, paired.

Intervals cover the expectation of the distance at this N with the reference fixed: the distance is
biased in N, so only numbers of one N may be compared. Formulas in ``gaussian_fit``; agreement with
clean-fid and the coverage of the intervals are tested in ``tests/metrics``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, blocks, feature_rows
from ganqbench.metrics.curvature import (
    acceleration,
    interval,
    once,
    second_order_variance,
    shape_of,
    skewed,
)
from ganqbench.metrics.gaussian_fit import Fit
from ganqbench.metrics.interval import Estimate, clustered_mean, distance_interval, t_quantile
from ganqbench.metrics.reference import Reference

RANKED_RATIO = 10
"""Images per feature below which an estimate carries a note that it is not for ranking."""

Clusters = Sequence[Hashable]


def frechet(real: Any, fake: Any, clusters: Clusters | None = None) -> Estimate:
    """Squared Fréchet distance (FID) of features ``fake`` ``[N, d]`` to ``real``.

    Args:
        real: features ``[M, d]`` or a :class:`Reference`, which saves recomputing its root.
        fake: features ``[N, d]``.
        clusters: the independent unit of each row of ``fake`` where rows share one.

    The standard error is that of the influence function, corrected for its second order where rows are
    independent; the interval follows the distance's curvature too (see ``curvature``). For N <= d there
    is a value but no interval. Raises MetricError for NaN, infinity, shapes that don't fit and fewer than
    two rows.
    """
    reference = as_reference(real)
    fit = Fit.of("fake", fake, reference)
    spread = _spread(fit.influence, clusters)
    if fit.influence is None or spread is None:
        return Estimate(fit.value, None, None, None, fit.n, note=_note(fit, reference, clusters))
    se, factor = spread
    if clusters is None:
        second_order = second_order_variance(fit)
        low, high = interval(fit.value, shape_of(fit, se, second_order), factor)
        se, low, high = once(se, second_order), max(0.0, low - fit.rounding), high + fit.rounding
    else:
        half = factor * se
        low, high = distance_interval(fit.value, half + fit.rounding, fit.bend(fit.influence, half))
    return Estimate(fit.value, se, low, high, fit.n, note=_note(fit, reference, clusters))


@dataclass(frozen=True, eq=False)
class PairedDelta:
    """How much farther quantized outputs are from a reference than FP32's of the same inputs.

    ``influence`` ``[N]`` is each input's share in the delta, q_quantized - q_fp32: its mean over seeds is
    the influence of the seeds' mean delta. None for N <= d.
    """

    fp32: Fit
    quantized: Fit
    reference: Reference

    @classmethod
    def of(cls, real: Any, fp32: Any, quantized: Any) -> PairedDelta:
        """Fits both sets of rows ``[N, d]``; row i of both must come from one input."""
        reference = as_reference(real)
        base, fit = Fit.of("fp32", fp32, reference), Fit.of("quantized", quantized, reference)
        if base.n != fit.n:
            raise MetricError(f"{base.n} fp32 rows and {fit.n} quantized rows are not paired")
        return cls(base, fit, reference)

    @property
    def value(self) -> float:
        """The delta; negative means better than FP32."""
        return self.quantized.value - self.fp32.value

    @property
    def influence(self) -> Float64 | None:
        """See the class."""
        if self.quantized.influence is None or self.fp32.influence is None:
            return None
        return self.quantized.influence - self.fp32.influence

    def estimate(self, clusters: Clusters | None = None) -> Estimate:
        """The delta with its paired standard error and interval."""
        base, fit, value = self.fp32, self.quantized, self.value
        note = _note(fit, self.reference, clusters) or _note(base, self.reference, clusters)
        # What rows of one cluster have in common is far larger than a row's own weight.
        independent = self.influence is not None and clusters is None
        shares = fit.jackknife() - base.jackknife() if independent else self.influence
        spread = _spread(shares, clusters)
        if spread is None:
            return Estimate(value, None, None, None, fit.n, note=note)
        se, factor = spread
        if independent:
            se = once(se, second_order_variance(fit, base))
        # Clusters are few and unequal: the skew of their sums is not known well enough to follow.
        skew = acceleration(shares) if independent and shares is not None else 0.0
        # Identical features are no measurement with an error; anything else is rounded.
        rounding = 0.0 if value == 0 and se == 0 else fit.rounding + base.rounding
        low = value - se * skewed(-factor, skew) - rounding
        high = value + se * skewed(factor, skew) + rounding
        return Estimate(value, se, low, high, fit.n, note=note)


def frechet_delta(real: Any, fp32: Any, quantized: Any, clusters: Clusters | None = None) -> Estimate:
    """How much farther ``quantized`` is from ``real`` than ``fp32`` is, paired by row.

    Row i of ``fp32`` and ``quantized`` ``[N, d]`` must come from one input. What the two have in
    common cancels: SE = std(q_quantized - q_fp32) / sqrt(N), corrected for its second order and for each
    row's own weight in its sample. Negative means better than FP32.
    """
    return PairedDelta.of(real, fp32, quantized).estimate(clusters)


def frechet_paired(fp32: Any, quantized: Any, clusters: Clusters | None = None) -> Estimate:
    """Squared Fréchet distance between FP32 and quantized outputs of the same inputs (qFID).

    Both samples vary together, so the influence of a pair is the sum of both sides': with c, e the
    centred quantized and FP32 rows, 2 (c - e)' delta + c' (I - T) c + e' (I - T^-1) e. Near zero the
    first order vanishes and the plug-in error is up to sqrt(2) too large; read the upper end as a bound.
    """
    reference = Reference.from_features(fp32)
    fit = Fit.of("quantized", quantized, reference)
    if fit.n != reference.n:
        raise MetricError(f"{reference.n} fp32 rows and {fit.n} quantized rows are not paired")
    note = _note(fit, reference, clusters)
    if fit.influence is None:
        return Estimate(fit.value, None, None, None, fit.n, note=note)
    backward = _backward(feature_rows("fp32", fp32), fit, reference)
    spread = _spread(fit.influence + backward, clusters)
    if spread is None:
        return Estimate(fit.value, None, None, None, fit.n, note=note)
    se, factor = spread
    low, high = distance_interval(fit.value, factor * se + fit.rounding)
    if note is None and factor * se > fit.value:
        note = "close to zero: the upper end is a bound"
    return Estimate(fit.value, se, low, high, fit.n, note=note)


def frechet_from_moments(reference: Reference, mean: Float64, covariance: Float64, n: int) -> float:
    """The distance from streamed moments alone (no interval); raises MetricError for N <= d.

    ``mean`` is ``[d]`` and ``covariance`` ``[d, d]``, divided by n - 1.
    """
    if n <= reference.dim:
        raise MetricError(
            f"{n} images for {reference.dim} features: moments don't suffice, keep the features"
        )
    if mean.shape != reference.mean.shape or covariance.shape != reference.covariance.shape:
        raise MetricError(f"moments of {len(mean)} features against a reference of {reference.dim}")
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise MetricError("the moments hold NaN or infinity")
    delta = mean - reference.mean
    eigenvalues = np.linalg.eigvalsh(reference.root.T @ covariance @ reference.root)
    shared = np.sqrt(eigenvalues[eigenvalues > 0]).sum()
    return max(0.0, float(delta @ delta + np.trace(covariance) + reference.trace - 2 * shared))


def as_reference(real: Any) -> Reference:
    """``real`` itself if it is a :class:`Reference`, else the reference of these features."""
    return real if isinstance(real, Reference) else Reference.from_features(real)


def _backward(rows: npt.NDArray[np.floating[Any]], fit: Fit, reference: Reference) -> Float64:
    """Influence of the reference's own rows ``[N, d]`` on the distance of ``fit`` to it, ``[N]``."""
    # T^-1 = M^-T sqrt(w) M^-1, and the columns of root / their squared norms are its pseudo-inverse.
    inverse = reference.root / (reference.root * reference.root).sum(axis=0)
    vectors = inverse.T @ fit.basis
    back = inverse @ vectors
    result = np.empty(len(rows))
    for part in blocks(len(rows)):
        centred = rows[part] - reference.mean
        white = centred @ back
        result[part] = (
            (centred * centred).sum(axis=1)
            - 2 * (centred @ fit.delta)
            - (white * white) @ np.sqrt(fit.eigenvalues)
        )
    return result


def _spread(influence: Float64 | None, clusters: Clusters | None) -> tuple[float, float] | None:
    """Standard error of the mean influence and the factor that makes it a half-width."""
    if influence is None:
        return None
    labels: Clusters = range(len(influence)) if clusters is None else clusters
    se = clustered_mean(influence.tolist(), labels).se
    return None if se is None else (se, t_quantile(len(set(labels)) - 1))


def _note(fit: Fit, reference: Reference, clusters: Clusters | None) -> str | None:
    if fit.influence is None:
        return f"{fit.n} images for {reference.dim} features: no interval, no rank"
    if clusters is not None and len(set(clusters)) < 2:
        return "one cluster: no interval"
    if reference.n <= reference.dim:
        return f"a reference of {reference.n} images for {reference.dim} features: no rank"
    if fit.lost:
        return f"no measurable variance in {fit.lost} of the reference's directions"
    if fit.n < RANKED_RATIO * reference.dim:
        return f"{fit.n} images for {reference.dim} features: fewer than {RANKED_RATIO} each, no rank"
    return None
