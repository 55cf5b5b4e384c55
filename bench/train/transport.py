"""A generator's loss that moves the mean and covariance of its features to those of the data.

The gradient of the squared Fréchet distance of two Gaussians with respect to one sample points from it
to its image under the optimal transport map (Dowson and Landau 1982; Peyré and Cuturi 2019, section
2.6): x goes to mean_r + T (x - mean_f) with T = R (R C_f R)^(-1/2) R and R = C_r^(1/2). So the loss is
the squared way to that image, which is held fixed. A discriminator sees one batch at a time and forgets;
the moments of some thousand recent images tell a generator how its whole distribution lies. Means go by
class and covariances are within classes, which fixes the moments of the whole where classes are as many.

Features are those of the *teacher* and coarse colours; the networks that judge have no part in this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ganqbench.zoo.classifier import Classifier

_RIDGE = 1e-4
"""Added to covariances, as a share of their mean variance: early on some directions have none."""


def descriptors(teacher: Classifier, images: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
    """Feature vectors [N, d_k] of images [N, 3, 32, 32] and the teacher's maps of them.

    Colours of 4x4 cells, the mean of each map over positions, and the teacher's own pooling of the last.
    """
    colours = F.adaptive_avg_pool2d(images, 4).flatten(1)
    return [colours, *(each.mean(dim=(2, 3)) for each in maps), teacher.pool(maps[-1])]


def transport_map(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> Tensor:
    """The symmetric [d, d] matrix that takes N(0, source) to N(0, target), in single precision."""
    root = _power(target, 0.5)
    return torch.from_numpy(root @ _power(root @ source @ root, -0.5) @ root).float()


def _power(matrix: npt.NDArray[np.float64], exponent: float) -> npt.NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    floor = np.finfo(np.float64).eps * max(float(values[-1]), 1e-30) * len(values)
    return (vectors * np.maximum(values, floor) ** exponent) @ vectors.T  # type: ignore[no-any-return]


class Transport:
    """One kind of feature: what it is in the data, what it lately was in fakes, and the loss between them."""

    def __init__(self, real: Tensor, labels: Tensor, memory: int = 6000, every: int = 20) -> None:
        """Of real features [N, d] with labels [N]; `memory` fakes are kept, T is renewed `every` step."""
        self.means, self.covariance = _within(real, labels)
        self.scale = float(np.trace(self.covariance))
        self.features = torch.zeros(memory, real.shape[1])
        self.labels = torch.zeros(memory, dtype=torch.long)
        self.every, self.seen, self.steps = every, 0, 0
        self.fake_means, self.map = torch.zeros_like(self.means), torch.eye(real.shape[1])

    def loss(self, fake: Tensor, labels: Tensor) -> Tensor:
        """Mean squared way of features [N, d] to where they belong, over the data's variance; 0 at first."""
        self._remember(fake.detach(), labels)
        if self.seen < len(self.labels):
            return fake.sum() * 0
        if self.steps % self.every == 0:
            self.fake_means, covariance = _within(self.features, self.labels)
            self.map = transport_map(covariance, self.covariance)
        self.steps += 1
        with torch.no_grad():
            goal = self.means[labels] + (fake - self.fake_means[labels]) @ self.map
        return (fake - goal).square().sum(dim=1).mean() / self.scale

    def _remember(self, fake: Tensor, labels: Tensor) -> None:
        rows = (self.seen + torch.arange(len(labels))) % len(self.labels)
        self.features[rows], self.labels[rows] = fake, labels
        self.seen += len(labels)

    def state_dict(self) -> dict[str, object]:
        """Everything :meth:`load_state_dict` needs."""
        return {
            "features": self.features,
            "labels": self.labels,
            "seen": self.seen,
            "steps": self.steps,
            "means": self.fake_means,
            "map": self.map,
        }

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Restores what :meth:`state_dict` gave."""
        self.features, self.labels = state["features"], state["labels"]  # type: ignore[assignment]
        self.seen, self.steps = int(state["seen"]), int(state["steps"])  # type: ignore[call-overload]
        self.fake_means, self.map = state["means"], state["map"]  # type: ignore[assignment]


def _within(features: Tensor, labels: Tensor) -> tuple[Tensor, npt.NDArray[np.float64]]:
    """Means by class [10, d] and the covariance [d, d] within classes, with a ridge."""
    classes = int(labels.max()) + 1
    means = torch.stack([features[labels == each].mean(dim=0) for each in range(classes)])
    rest = (features - means[labels]).double().numpy()
    covariance = rest.T @ rest / max(1, len(rest) - classes)
    ridge = _RIDGE * np.trace(covariance) / len(covariance)
    return means, covariance + ridge * np.eye(len(covariance))
