"""The distribution that distances are taken to: moments, root of the covariance, kept rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, blocks, feature_rows, features
from ganqbench.metrics.metric_identity import FeatureIdentity

NEIGHBOUR = 5
"""Which neighbour sets the radius of a ball, as in the code of both papers on manifolds."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Some of the feature vectors, for the metrics that need rows, and what is derived of them.

    ``rows`` is ``[M, d]`` float16 or float32; ``radii`` ``[M]`` float64 is the squared distance of
    each to its ``k``-th nearest other row; ``kernel`` is the mean kernel of all pairs (KID).
    """

    rows: npt.NDArray[np.floating[Any]]
    radii: Float64
    k: int
    kernel: float

    @classmethod
    def of(cls, rows: npt.NDArray[np.floating[Any]], k: int = NEIGHBOUR) -> Kept:
        """Derives everything from rows ``[M, d]``, M > k; costs M^2 d."""
        from ganqbench.metrics.kernel_fit import mean_kernel
        from ganqbench.metrics.manifold import radii

        exact = features("kept", rows)
        if not 1 <= k < len(exact):
            raise MetricError(f"neighbour {k} needs more than {k} rows, not {len(exact)}")
        return cls(rows, radii(exact, k), k, mean_kernel(exact))


@dataclass(frozen=True)
class Origin:
    """Where a reference comes from: the images, in words and as a SHA-256 of their pixels."""

    images: str
    fingerprint: str
    network: FeatureIdentity
    versions: str
    """Of what computed it; informative, not compared."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Mean ``[d]`` and covariance ``[d, d]`` of ``n`` feature vectors, with what is derived of them.

    ``root`` is ``[d, r]`` with ``root @ root.T`` the covariance and r its numerical rank: one
    eigendecomposition per reference instead of one matrix square root per distance. ``kept`` and
    ``origin`` are there in references made from images.
    """

    n: int
    mean: Float64
    covariance: Float64
    root: Float64
    kept: Kept | None = None
    origin: Origin | None = None

    @property
    def dim(self) -> int:
        """Number of features d."""
        return len(self.mean)

    @cached_property
    def trace(self) -> float:
        """Sum of the features' variances."""
        return float(np.trace(self.covariance))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every number that a metric can take from here; goes into its identity."""
        network = self.origin.network if self.origin else None
        digest = hashlib.sha256(f"ganqbench-reference 1 {self.n} {self.dim} {network!r}".encode())
        arrays: list[npt.NDArray[Any]] = [self.mean, self.covariance, self.root]
        if self.kept is not None:
            digest.update(f" {self.kept.k} {self.kept.rows.dtype.name} {self.kept.kernel.hex()}".encode())
            arrays += [self.kept.rows, self.kept.radii]
        for array in arrays:
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    @classmethod
    def from_features(cls, values: Any) -> Reference:
        """The reference of feature vectors ``[N, d]``, N >= 2; keeps no rows."""
        rows = feature_rows("reference", values)
        return cls.from_moments(*moments_of(rows), len(rows))

    @classmethod
    def from_moments(cls, mean: Float64, covariance: Float64, n: int) -> Reference:
        """The reference with this mean and unbiased covariance (divided by n - 1)."""
        mean = np.ascontiguousarray(mean, dtype=np.float64)
        covariance = np.ascontiguousarray(covariance, dtype=np.float64)
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or n < 2:
            raise MetricError(
                f"a reference needs mean [d], covariance [d, d] and n >= 2, "
                f"not {list(mean.shape)}, {list(covariance.shape)} and {n}"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise MetricError("the reference's moments hold NaN or infinity")
        if not np.allclose(covariance, covariance.T, rtol=1e-9, atol=1e-12 * np.abs(covariance).max()):
            raise MetricError("the reference's covariance is not symmetric")
        values, vectors = np.linalg.eigh(covariance)
        # Directions without variance contribute nothing; kept, they would contribute rounding errors.
        floor = max(values[-1], 0.0) * len(mean) * np.finfo(np.float64).eps
        if values[0] < -1e3 * floor - np.finfo(np.float64).tiny:
            raise MetricError(f"the reference's covariance has a negative eigenvalue {values[0]:.3g}")
        keep = values > floor
        keep[: max(0, len(mean) - (n - 1))] = False  # n vectors span at most n - 1 directions
        root = np.ascontiguousarray(vectors[:, keep] * np.sqrt(values[keep]))
        return cls(n, mean, covariance, root)

    def keeping(self, rows: npt.NDArray[np.floating[Any]], k: int = NEIGHBOUR) -> Reference:
        """This reference with rows ``[M, d]`` for nearest neighbours and kernels.

        They are rounded to float16 (relative 5e-4, far below any distance between images) unless a
        value is too large for it; everything derived belongs to the rounded rows.
        """
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise MetricError(f"kept rows have shape {list(rows.shape)}, not [M, {self.dim}]")
        fits = np.abs(rows).max(initial=0.0) <= float(np.finfo(np.float16).max)
        return replace(self, kept=Kept.of(rows.astype(np.float16 if fits else np.float32), k))

    def require(self, network: FeatureIdentity) -> None:
        """Raises MetricError unless these are features of ``network``."""
        if self.origin is None:
            raise MetricError("this reference doesn't say what network its features are of")
        if self.origin.network != network:
            raise MetricError(
                f"the reference holds features of {self.origin.network}, the images those of {network}; "
                "build it again: ganqbench reference build"
            )

    def require_rows(self) -> Kept:
        """The kept rows; raises MetricError if there are none."""
        if self.kept is None:
            raise MetricError("this reference keeps no rows; build it with ganqbench reference build")
        return self.kept


def moments_of(rows: npt.NDArray[np.floating[Any]]) -> tuple[Float64, Float64]:
    """Mean ``[d]`` and unbiased covariance ``[d, d]`` of rows ``[N, d]``, two-pass in float64."""
    n, dim = rows.shape
    mean = np.zeros(dim)
    for part in blocks(n):
        mean += rows[part].sum(axis=0, dtype=np.float64)
    mean /= n
    covariance = np.zeros((dim, dim))
    for part in blocks(n):
        centred = rows[part] - mean
        covariance += centred.T @ centred
    return mean, covariance / (n - 1)
