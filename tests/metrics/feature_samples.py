"""Invented features of real and of generated images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def sample(n: int, dim: int, seed: int, decay: float = 3.0) -> Array:
    """Skewed features with a decaying spectrum, like a network's after a ReLU."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(np.random.default_rng(99).standard_normal((dim, dim)))
    rows: Array = (
        np.maximum(rng.standard_normal((n, dim)), -0.5) * np.exp(-np.arange(dim) / dim * decay)
    ) @ basis
    return rows


def generated(n: int, dim: int, seed: int) -> Array:
    rows = 1.1 * sample(n, dim, seed) + 0.01
    rows[:, 0] += 0.1 * rows[:, 1] ** 2
    return rows
