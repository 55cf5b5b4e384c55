"""The Fréchet distance that training runs steer by, in the *teacher's* features only.

Published distances are computed elsewhere, by another network; that this module cannot reach it is
what makes an early stop by this distance harmless to the board.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganqbench.zoo.classifier import Classifier

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Mean ``[d]`` and covariance ``[d, d]`` of feature vectors."""

    mean: Matrix
    covariance: Matrix


def moments(features: Tensor) -> Moments:
    """Moments of ``[N, d]`` features, in double precision."""
    rows = features.double().numpy()
    return Moments(rows.mean(axis=0), np.cov(rows, rowvar=False))


def frechet(a: Moments, b: Moments) -> float:
    """Squared Fréchet distance of two Gaussians (Dowson and Landau 1982, eq. 16).

    The trace of ``(A B)^(1/2)`` is the sum of the roots of the eigenvalues of ``A^(1/2) B A^(1/2)``,
    which is symmetric, so no general matrix root is needed.
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ b.covariance @ root)
    trace = np.trace(a.covariance) + np.trace(b.covariance)
    trace -= 2 * np.sqrt(np.clip(cross, 0, None)).sum()
    return float(((a.mean - b.mean) ** 2).sum() + trace)


@torch.inference_mode()
def features_of(network: Classifier, images: Tensor, batch: int = 500) -> Tensor:
    """Feature vectors ``[N, d]`` of float images ``[N, 3, H, W]`` in [-1, 1]."""
    rows = [network.features(images[i : i + batch]) for i in range(0, len(images), batch)]
    return torch.cat(rows)


def variance_ratio(real: Tensor, real_labels: Tensor, fake: Tensor, fake_labels: Tensor) -> float:
    """Within-class variance of fake features over that of real ones, averaged over classes.

    Features are ``[N, d]``, labels ``[N]``. Below 1 the generator shows less variety than the data.
    """
    ratios = []
    for label in torch.unique(real_labels):
        spread_real = real[real_labels == label].var(dim=0).sum()
        spread_fake = fake[fake_labels == label].var(dim=0).sum()
        ratios.append(float(spread_fake / spread_real))
    return float(np.mean(ratios))
