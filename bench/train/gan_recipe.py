"""What a class-conditional GAN's training is made of: its configuration and its generator in two forms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ganqbench.train.data import CLASSES

Loss = Literal["hinge", "softplus"]


@dataclass(frozen=True)
class GanConfig:
    """Everything that decides the trained weights; ``images`` is the length of the run."""

    network: str
    seed: int
    images: int
    loss: Loss
    learning_rate_g: float
    learning_rate_d: float
    batch: int = 32
    beta2: float = 0.99
    head_weight: float = 0.5
    head_width: int = 48
    pixel_widths: tuple[int, ...] = (16, 32, 64, 64)
    """Channels of the discriminator's pixel network at 32, 16, 8 and 4 pixels."""
    attention: bool = True
    minibatch_deviation: bool = False
    r1: float = 0.0
    r1_every: int = 16
    shift: float = 0.125
    colour: float = 0.0
    ema: float = 0.998
    ema_late: float = 0.999
    decay_from: float = 0.6
    head_start: int = 0
    """Steps of the discriminator alone, for a fresh one against a generator that has been trained."""
    critic_steps: int = 1
    """Steps of the discriminator for each one of the generator."""
    evaluate_every: int = 12_000
    evaluate_images: int = 5_000


@dataclass(frozen=True)
class MatchConfig:
    """What decides the weights of a last phase (match.py); its rate falls along half a cosine."""

    network: str
    seed: int
    steps: int
    learning_rate: float
    batch: int = 200
    memory: int = 2000
    """Fakes whose moments are followed. Ten steps of them: more would lag behind."""
    warm_steps: int = 20
    ema: float = 0.99
    real_images: int = 25_000
    evaluate_every: int = 50
    evaluate_images: int = 5_000


class GanRecipe(ABC):
    """A configuration with its generator, which trains in one form and ships in another."""

    config: GanConfig
    refinement: GanConfig
    """What a trained generator goes on with: slower, so that its discriminator keeps up."""
    matching: MatchConfig
    """What its last phase, without a critic, consists of."""
    z_dim: int
    """Length of the latent."""
    arguments: Mapping[str, object]
    """What the shipped form's constructor is called with."""

    @abstractmethod
    def shipped(self) -> nn.Module:
        """An untrained generator in the form that ships."""

    @abstractmethod
    def training(self, weights: Mapping[str, Tensor] | None) -> nn.Module:
        """A generator in the form that trains, from shipped weights where given."""

    @abstractmethod
    def deployed(self, generator: nn.Module) -> Mapping[str, Tensor]:
        """The state of the shipped form that equals ``generator`` as it is now."""

    @abstractmethod
    def generate(
        self, generator: nn.Module, z: Tensor, labels: Tensor, rng: torch.Generator | None
    ) -> Tensor:
        """Images of latents ``[N, z_dim]`` and labels ``[N]``; ``rng`` is given while training."""

    def parameter_groups(self, generator: nn.Module, learning_rate: float) -> list[dict[str, object]]:
        """Groups for Adam with a learning rate each."""
        return [{"params": list(generator.parameters()), "lr": learning_rate}]


def draw_inputs(n: int, z_dim: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Latents ``[n, z_dim]`` and labels ``[n]`` of CIFAR-10's classes."""
    return torch.randn(n, z_dim, generator=rng), torch.randint(0, len(CLASSES), (n,), generator=rng)
