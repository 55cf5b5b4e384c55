"""A sample seen as a Gaussian beside a reference: distance, influence of each row, curvature.

With A the reference's root and S the sample's covariance, eigh(A' S A) = (w, V) gives everything:

* the Fréchet distance |delta|^2 + tr S + tr S_ref - 2 sum sqrt(w) (Dowson and Landau 1982);
* its influence function, q(x) = 2 c' delta + c' (I - T) c with c = x - mean and T = M w^-1/2 M',
  M = A V, the gradient of the trace term;
* its second derivative along two rows, which says how far the first order can be trusted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, blocks, feature_rows
from ganqbench.metrics.reference import Reference, moments_of


@dataclass(frozen=True, eq=False)
class Fit:
    """One sample against one reference; ``value`` is the squared Fréchet distance.

    ``influence`` ``[N]`` is None for N <= d, where the sample's covariance is singular only because
    the sample is small and the distance has no derivative. ``lost`` counts the directions in which
    the reference varies and a sample of N > d does not. Rows are kept as they came and looked at in
    blocks, so a fit adds little to the memory of the features.
    """

    value: float
    rounding: float
    lost: int
    influence: Float64 | None
    rows: npt.NDArray[np.floating[Any]]
    mean: Float64
    delta: Float64
    eigenvalues: Float64
    basis: Float64
    """Maps centred rows to the eigenbasis, ``root @ vectors`` ``[d, r]``."""

    @classmethod
    def of(cls, name: str, values: Any, reference: Reference) -> Fit:
        """Fits feature vectors ``[N, d]``; raises MetricError if they don't suit the reference."""
        rows = feature_rows(name, values, reference.dim)
        n, dim = rows.shape
        mean, covariance = moments_of(rows)
        delta = mean - reference.mean
        traces = float(np.trace(covariance)) + reference.trace
        squared = float(delta @ delta)
        rounding = 64 * float(np.finfo(np.float64).eps) * (traces + squared)
        if n <= dim:
            # The nuclear norm of centred @ root: exact where the eigenvalues of a singular product
            # are not, since their roots turn an error of 1e-16 into 1e-8.
            singular = np.linalg.svd((rows - mean) @ reference.root, compute_uv=False)
            shared = float(singular.sum()) / math.sqrt(n - 1)
            value = max(0.0, squared + traces - 2 * shared)
            return cls(value, rounding, 0, None, rows, mean, delta, np.empty(0), np.empty((dim, 0)))
        product = reference.root.T @ covariance @ reference.root
        eigenvalues, vectors = np.linalg.eigh(product)
        # The trace takes every positive eigenvalue, however small: its root is far above its error.
        # The gradient divides by roots and leaves out what can't be told from zero.
        shared = float(np.sqrt(eigenvalues[eigenvalues > 0]).sum())
        keep = eigenvalues > eigenvalues.max(initial=0.0) * dim * np.finfo(np.float64).eps
        eigenvalues, basis = eigenvalues[keep], reference.root @ vectors[:, keep]
        value = max(0.0, squared + traces - 2 * shared)
        influence = np.empty(n)
        for part in blocks(n):
            centred = rows[part] - mean
            projected = centred @ basis
            influence[part] = (
                2 * (centred @ delta)
                + (centred * centred).sum(axis=1)
                - (projected * projected) @ (1 / np.sqrt(eigenvalues))
            )
        lost = len(keep) - int(keep.sum())
        return cls(value, rounding, lost, influence, rows, mean, delta, eigenvalues, basis)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def jackknife(self) -> Float64:
        """What each row adds to the distance, times N, seen from the sample without it, ``[N]``.

        The influence at the sample itself holds the row's own weight in the sample: leaving row i out
        changes the distance by q_i / N less half its own curvature k_ii / N^2 (Efron and Stein 1981).
        """
        assert self.influence is not None
        result = np.empty(self.n)
        for part in blocks(self.n):
            items = np.arange(self.n)[part]
            result[part] = self.influence[part] - self.curvature(items, items) / (2 * self.n)
        return result

    def projected(self, part: slice | npt.NDArray[np.int64]) -> Float64:
        """Some centred rows in the eigenbasis, ``[len(part), r]``."""
        result: Float64 = (self.rows[part] - self.mean) @ self.basis
        return result

    def curvature(self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> Float64:
        """The second derivative of the distance along pairs of rows, ``[len(first)]``.

        For u, v the projected rows and g_ij = 1 / (2 s_i s_j (s_i + s_j)), s = sqrt(w): from the mean
        2 u' s^-1 v; from the covariance 2 sum_ij g_ij (u u' - w)_ij (v v' - w)_ij.
        """
        u, v, w = self.projected(first), self.projected(second), self.eigenvalues
        s, weights = self._second_derivative()
        own = np.diagonal(weights) * w
        product = u * v
        outer = ((product @ weights) * product).sum(axis=1) - (u * u + v * v) @ own + float(own @ w)
        result: Float64 = 2 * (product @ (1 / s)) + 2 * outer
        return result

    def second_derivative(
        self, rows: npt.NDArray[np.int64], weights: Float64, at: slice | npt.NDArray[np.int64]
    ) -> Float64:
        """Sum over ``rows`` of ``weights`` (which sum to 0) times :meth:`curvature` with rows ``at``.

        Up to a constant, which is the same for all of ``at``.
        """
        s, derivative = self._second_derivative()
        there = self.projected(rows)
        mean, covariance = weights @ there, (there * weights[:, None]).T @ there
        here = self.projected(at)
        result: Float64 = 2 * (here @ (mean / s)) + 2 * ((here @ (derivative * covariance)) * here).sum(
            axis=1
        )
        return result

    def bend(self, direction: Float64, step: float) -> float:
        """Half the second derivative over a change of the distance by ``step`` along ``direction``.

        The sample is reweighted in proportion to ``direction`` ``[N]``; along the influence the distance
        changes fastest for its likelihood.
        """
        centred = direction - direction.mean()
        squares = float(centred @ centred)
        if squares == 0 or step == 0:
            return 0.0
        weights = centred * (step / squares)
        rank = len(self.eigenvalues)
        mean, covariance = np.zeros(rank), np.zeros((rank, rank))
        for part in blocks(self.n):
            projected = self.projected(part)
            mean += weights[part] @ projected
            covariance += (projected * weights[part, None]).T @ projected
        s, derivative = self._second_derivative()
        return float((mean * mean) @ (1 / s) + (derivative * covariance * covariance).sum())

    def _second_derivative(self) -> tuple[Float64, Float64]:
        """s ``[r]`` and g ``[r, r]`` of :meth:`curvature`."""
        s = np.sqrt(self.eigenvalues)
        return s, 1 / (2 * np.outer(s, s) * np.add.outer(s, s))
