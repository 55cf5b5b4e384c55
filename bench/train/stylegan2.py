"""The small class-conditional StyleGAN2 on CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganqbench.train.gan_recipe import GanConfig, GanRecipe, MatchConfig
from ganqbench.train.start import start_from
from ganqbench.zoo.stylegan2 import StyleGAN2

CONFIG = GanConfig(
    network="stylegan2-cifar10",
    seed=606,
    images=70_000,
    loss="hinge",
    batch=16,
    learning_rate_g=1.5e-3,
    learning_rate_d=2e-3,
    head_weight=0.35,
    attention=False,
    minibatch_deviation=True,
    r1=0.01,
)

REFINEMENT = replace(
    CONFIG,
    images=100_000,
    learning_rate_g=4e-4,
    learning_rate_d=1e-3,
    head_weight=1.0,  # with less the pixel network rules, and the distance in features rises again
    head_start=300,
    decay_from=0.5,
    ema_late=0.9995,
    evaluate_every=6_000,
)

MATCHING = MatchConfig("stylegan2-cifar10", seed=6, steps=1000, learning_rate=1.5e-4)


class StyleGan2Recipe(GanRecipe):
    """Skip architecture, channels 192-128-64-32 from 4 to 32 pixels, two mapping layers."""

    config = CONFIG
    refinement = REFINEMENT
    matching = MATCHING
    z_dim = 128
    arguments: Mapping[str, object] = {
        "channels": [192, 128, 64, 32],
        "z_dim": 128,
        "w_dim": 128,
        "c_dim": 10,
        "mapping_layers": 2,
    }

    def shipped(self) -> nn.Module:
        """The generator; it trains and ships in the same form."""
        return StyleGAN2(**self.arguments)  # type: ignore[arg-type]

    def training(self, weights: Mapping[str, Tensor] | None) -> nn.Module:
        """The generator, from shipped weights where given."""
        generator = self.shipped()
        if weights is not None:
            start_from(generator, weights)
        return generator

    def deployed(self, generator: nn.Module) -> Mapping[str, Tensor]:
        """The state as it is."""
        return generator.state_dict()

    def generate(
        self, generator: nn.Module, z: Tensor, labels: Tensor, rng: torch.Generator | None
    ) -> Tensor:
        """Images; while training with fresh noise and the running mean of w kept, else constant noise."""
        assert isinstance(generator, StyleGAN2)
        classes = F.one_hot(labels, generator.c_dim).float()
        if rng is None:
            images: Tensor = generator(z, classes)
            return images
        w = generator.mapping.single(z, classes)
        generator.mapping.track(w.detach())
        ws = w.unsqueeze(1).expand(-1, generator.mapping.num_ws, -1)
        noisy: Tensor = generator.synthesis(ws, "random", rng)
        return noisy

    def parameter_groups(self, generator: nn.Module, learning_rate: float) -> list[dict[str, object]]:
        """One group per equalised learning rate."""
        assert isinstance(generator, StyleGAN2)
        return generator.parameter_groups(learning_rate)
