"""A sample beside real rows in the space of the cubic kernel: distance, influence, curvature.

With f(x) the kernel's features, the squared distance is |mean f(fake) - mean f(real)|^2 less what pairs of
equal rows add: quadratic in the mean of the fakes, so that its second derivative along two rows is twice
their centred kernel. All sums are taken in blocks; no matrix ``[N, N]`` is ever held.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, blocks

Rows = npt.NDArray[np.floating[Any]]
Part = slice | npt.NDArray[np.int64]


class KernelFit:
    """The unbiased squared distance of rows ``fake`` ``[N, d]`` to ``real`` ``[M, d]``.

    ``value`` holds ``real_mean``, the mean kernel of different reals. ``influence`` ``[N]`` is that of each
    row: twice its mean kernel with the other fakes less that with the reals.
    """

    def __init__(self, real: Rows, real_mean: float, fake: Rows) -> None:
        self.rows, self.n = fake, len(fake)
        sums, own = _weighted(fake, np.ones(self.n), fake), own_kernel(fake)
        within = (sums - own) / (self.n - 1)
        across = _weighted(real, np.ones(len(real)), fake) / len(real)
        self.value = real_mean + float(within.mean() - 2 * across.mean())
        # Twice, because a row enters the mean over pairs in both places.
        self.influence: Float64 = 2 * (within - across)
        self._mean = sums / self.n

    def curvature(self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> Float64:
        """The second derivative of the distance along pairs of rows, ``[len(first)]``."""
        one, other = (self.rows[items].astype(np.float64) for items in (first, second))
        kernel = ((one * other).sum(axis=1) / self.rows.shape[1] + 1) ** 3
        result: Float64 = 2 * (kernel - self._mean[first] - self._mean[second] + self._mean.mean())
        return result

    def second_derivative(self, rows: npt.NDArray[np.int64], weights: Float64, at: Part) -> Float64:
        """Sum over ``rows`` of ``weights`` (which sum to 0) times :meth:`curvature` with rows ``at``.

        Up to a constant, which is the same for all of ``at``.
        """
        return 2 * _weighted(self.rows[rows], weights, self.rows[at])

    def bend(self, direction: Float64, step: float) -> float:
        """Half the second derivative over a change by ``step`` along ``direction`` ``[N]``."""
        centred = direction - direction.mean()
        squares = float(centred @ centred)
        if squares == 0 or step == 0:
            return 0.0
        weights = centred * (step / squares)
        return max(0.0, float(weights @ _weighted(self.rows, weights, self.rows)))


def own_kernel(rows: Rows) -> Float64:
    """Kernel of each row with itself, ``[N]``."""
    squares = [(rows[part].astype(np.float64) ** 2).sum(axis=1) for part in blocks(len(rows))]
    result: Float64 = (np.concatenate(squares) / rows.shape[1] + 1) ** 3
    return result


def mean_kernel(real: Rows) -> float:
    """Mean kernel over all pairs of different rows ``[N, d]``, N >= 2."""
    n = len(real)
    return float((_weighted(real, np.ones(n), real) - own_kernel(real)).sum() / (n * (n - 1)))


def _weighted(rows: Rows, weights: Float64, at: Rows) -> Float64:
    """Sum over ``rows`` of ``weights`` times the kernel with each row of ``at``, ``[len(at)]``."""
    sums = np.zeros(len(at))
    for part in blocks(len(at)):
        some = at[part].astype(np.float64)
        for columns in blocks(len(rows)):
            block = some @ rows[columns].astype(np.float64).T
            block /= rows.shape[1]
            block += 1
            sums[part] += (block * block * block * weights[columns]).sum(axis=1)
    return sums
