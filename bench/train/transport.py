"""A generator's loss that moves the mean and covariance of its features to those of the data.

The gradient of the squared Fréchet distance of two Gaussians with respect to one sample points from it
to its image under the optimal transport map (Dowson and Landau 1982; Peyré and Cuturi 2019, section
2.6): x goes to mean_r + T (x - mean_f) with T = R (R C_f R)^(-1/2) R and R = C_r^(1/2). So the loss is
the squared way to that image, which is held fixed. A discriminator sees one batch at a time and forgets;
the moments of recent images tell a generator how its whole distribution lies. Means go by class and
covariances are within classes, which fixes the moments of the whole where classes are as many.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_RIDGE = 1e-4
"""Added to covariances, as a share of their mean variance: early on some directions have none."""


def transport_map(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> Tensor:
    """The symmetric [d, d] matrix that takes N(0, source) to N(0, target), in single precision."""
    root = _power(target, 0.5)
    return torch.from_numpy(root @ _power(root @ source @ root, -0.5) @ root).float()


def _power(matrix: npt.NDArray[np.float64], exponent: float) -> npt.NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    floor = np.finfo(np.float64).eps * max(float(values[-1]), 1e-30) * len(values)
    return (vectors * np.maximum(values, floor) ** exponent) @ vectors.T  # type: ignore[no-any-return]


class Transport:
    """One kind of feature: what it is in the data, what it lately was in fakes, and the loss between them.

    The shorter the memory the better: moments that lag behind the generator by many steps make it
    overshoot and swing, as any late feedback does.
    """

    def __init__(self, real: Tensor, labels: Tensor, memory: int) -> None:
        """Of real features [N, d] with labels [N]; the last `memory` fakes are kept."""
        self.means, self.covariance = _within(real, labels)
        self.scale = float(np.trace(self.covariance))
        self.features = torch.zeros(memory, real.shape[1])
        self.labels = torch.zeros(memory, dtype=torch.long)
        self.seen = 0

    @property
    def filled(self) -> bool:
        """Whether the memory holds fakes only."""
        return self.seen >= len(self.labels)

    def loss(self, fake: Tensor, labels: Tensor) -> Tensor:
        """Mean squared way of features [N, d] to where they belong, in units of the data's variance.

        Raises ValueError before the memory is full.
        """
        if not self.filled:
            raise ValueError(f"{self.seen} of {len(self.labels)} fakes remembered: call remember() first")
        with torch.no_grad():
            means, covariance = _within(self.features, self.labels)
            step = transport_map(covariance, self.covariance)
            goal = self.means[labels] + (fake - means[labels]) @ step
        return (fake - goal).square().sum(dim=1).mean() / self.scale

    def remember(self, fake: Tensor, labels: Tensor) -> None:
        """Takes features [N, d] and labels [N] in the place of the oldest."""
        rows = (self.seen + torch.arange(len(labels))) % len(self.labels)
        self.features[rows], self.labels[rows] = fake.detach(), labels
        self.seen += len(labels)

    def state_dict(self) -> dict[str, object]:
        """Everything :meth:`load_state_dict` needs."""
        return {"features": self.features, "labels": self.labels, "seen": self.seen}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Restores what :meth:`state_dict` gave."""
        self.features, self.labels = state["features"], state["labels"]  # type: ignore[assignment]
        self.seen = int(state["seen"])  # type: ignore[call-overload]


def _within(features: Tensor, labels: Tensor) -> tuple[Tensor, npt.NDArray[np.float64]]:
    """Means by class [C, d] and the covariance [d, d] within classes, with a ridge."""
    classes = int(labels.max()) + 1
    means = torch.stack([features[labels == each].mean(dim=0) for each in range(classes)])
    rest = (features - means[labels]).double().numpy()
    covariance = rest.T @ rest / max(1, len(rest) - classes)
    ridge = _RIDGE * np.trace(covariance) / len(covariance)
    return means, covariance + ridge * np.eye(len(covariance))
