"""The distribution that distances are taken to: its moments and the root of its covariance."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganqbench.metrics.checks import Float64, MetricError, features
from ganqbench.metrics.storage import load_arrays, save_arrays


@dataclass(frozen=True, eq=False)
class Reference:
    """Mean ``[d]`` and covariance ``[d, d]`` of ``n`` feature vectors, with what is derived of them.

    ``root`` is ``[d, r]`` with ``root @ root.T`` the covariance and r its numerical rank: one
    eigendecomposition per reference instead of one matrix square root per distance. ``digest`` is
    the SHA-256 of n, mean and covariance; it goes into every metric's identity.
    """

    n: int
    mean: Float64
    covariance: Float64
    root: Float64
    digest: str

    @property
    def dim(self) -> int:
        """Number of features d."""
        return len(self.mean)

    @property
    def trace(self) -> float:
        """Sum of the features' variances."""
        return float(np.trace(self.covariance))

    @classmethod
    def from_features(cls, values: Any) -> Reference:
        """The reference of feature vectors ``[N, d]``, N >= 2."""
        rows = features("reference", values)
        mean, _, covariance = centred_moments(rows)
        return cls.from_moments(mean, covariance, len(rows))

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
        return cls(n, mean, covariance, root, _digest(n, mean, covariance))

    def save(self, path: Path) -> None:
        """Writes the reference as ``.npz``, whole or not at all."""
        save_arrays(
            path, {"n": np.array(self.n), "mean": self.mean, "covariance": self.covariance, "root": self.root}
        )

    @classmethod
    def load(cls, path: Path, digest: str | None = None) -> Reference:
        """Reads what :meth:`save` wrote; raises MetricError if it is damaged or not ``digest``."""
        arrays = load_arrays(path, ("n", "mean", "covariance", "root"))
        n, mean, covariance, root = (arrays[name] for name in ("n", "mean", "covariance", "root"))
        if covariance.shape != 2 * mean.shape or root.shape[:1] != mean.shape or n.shape != ():
            raise MetricError(f"{path} holds arrays of the wrong shape")
        found = _digest(int(n), mean, covariance)
        if digest is not None and found != digest:
            raise MetricError(f"{path} holds reference {found[:12]}, not {digest[:12]}")
        if not math.isclose(
            float((root * root).sum()), float(np.trace(covariance)), rel_tol=1e-6, abs_tol=1e-12
        ):
            raise MetricError(f"{path}: the stored root does not belong to the covariance")
        return cls(int(n), mean, covariance, root, found)


def centred_moments(rows: Float64) -> tuple[Float64, Float64, Float64]:
    """Mean ``[d]``, centred rows ``[N, d]`` and unbiased covariance ``[d, d]``, two-pass."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    return mean, centred, centred.T @ centred / (len(rows) - 1)


def _digest(n: int, mean: Float64, covariance: Float64) -> str:
    digest = hashlib.sha256(f"{n} {len(mean)} float64".encode())
    for array in (mean, covariance):
        digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()
