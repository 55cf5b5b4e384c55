"""A discriminator between full-precision and quantized images, so that no data set is needed.

Its form is that of the trainings: small heads on the frozen teacher classifier beside a pixel
network (Sauer et al. 2021), without classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from ganqbench.train.projected import ProjectedDiscriminator
from ganqbench.zoo.classifier import Classifier

_RATE = 5e-4


class WeightRounding(nn.Module):
    """Weights rounded to a symmetric grid per output channel, gradients straight through."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.highest = 2 ** (bits - 1) - 1

    def forward(self, weight: Tensor) -> Tensor:
        """Weights [out, ...] on their grid."""
        step = weight.detach().flatten(1).abs().amax(1).clamp_min(1e-12) / self.highest
        step = step.view(-1, *[1] * (weight.ndim - 1))
        rounded: Tensor = weight + ((weight / step).round() * step - weight).detach()
        return rounded


class Critic:
    """Learns with the hinge loss which images [N, 3, H, W] are the full-precision ones.

    `bits`: width of the weights of its convolutions; None leaves them in floating point.
    """

    def __init__(self, classifier: Classifier, images: Tensor, seed: int, bits: int | None = None) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = ProjectedDiscriminator(classifier, classes=1, attention=False)
        self.network.to(images.device)
        self.network.calibrate(images)
        if bits is not None:
            for module in list(self.network.modules()):
                if isinstance(module, nn.Conv2d):
                    parametrize.register_parametrization(module, "weight", WeightRounding(bits))
        self._optimizer = torch.optim.Adam(self.network.parameters(), _RATE, (0.0, 0.99))

    def learn(self, full_precision: Tensor, quantized: Tensor) -> None:
        """One step on a batch of each."""
        self.network.requires_grad_(True)
        scores = self._scores(torch.cat([full_precision, quantized.detach()]))
        losses = []
        for score in scores:
            real, fake = score.chunk(2)
            losses.append(F.relu(1 - real).mean() + F.relu(1 + fake).mean())
        self._optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.network.requires_grad_(False)

    def loss(self, quantized: Tensor) -> Tensor:
        """What the generator descends to be taken for full precision, a scalar."""
        return -torch.stack([score.mean() for score in self._scores(quantized)]).mean()

    def state_dict(self) -> dict[str, object]:
        """Everything :meth:`load_state_dict` needs."""
        return {"network": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _scores(self, images: Tensor) -> list[Tensor]:
        labels = torch.zeros(len(images), dtype=torch.long, device=images.device)
        return self.network(images, self.network.maps(images), labels)  # type: ignore[no-any-return]
