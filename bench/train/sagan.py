"""The small SAGAN on CIFAR-10: spectral norm while training, folded away in what ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganqbench.train.gan_recipe import GanConfig, GanRecipe, MatchConfig
from ganqbench.train.start import start_from
from ganqbench.zoo.sagan import SAGAN, add_spectral_norm

CONFIG = GanConfig(
    network="sagan-cifar10",
    seed=505,
    images=130_000,
    loss="hinge",
    batch=16,
    learning_rate_g=1.5e-4,
    learning_rate_d=8e-4,
    head_weight=0.35,
    minibatch_deviation=True,
)

REFINEMENT = replace(
    CONFIG,
    images=140_000,
    learning_rate_g=4e-5,
    learning_rate_d=1e-3,
    head_start=300,
    decay_from=0.5,
    ema_late=0.9995,
    evaluate_every=8_000,
)

MATCHING = MatchConfig("sagan-cifar10", seed=5, steps=600, learning_rate=5e-6)


class SaganRecipe(GanRecipe):
    """Channels 256-128-64-32 from 4 to 32 pixels, attention at 16."""

    config = CONFIG
    refinement = REFINEMENT
    matching = MATCHING
    z_dim = 128
    arguments: Mapping[str, object] = {
        "widths": [256, 128, 64, 32],
        "z_dim": 128,
        "classes": 10,
        "attention": [2],
    }

    def shipped(self) -> nn.Module:
        """SAGAN with ordinary weights, orthogonal at first (Brock et al. 2018)."""
        generator = SAGAN(**self.arguments)  # type: ignore[arg-type]
        for module in generator.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.orthogonal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        return generator

    def training(self, weights: Mapping[str, Tensor] | None) -> nn.Module:
        """SAGAN under spectral norm."""
        generator = self.shipped()
        if weights is not None:
            start_from(generator, weights)
        add_spectral_norm(generator)
        return generator

    def deployed(self, generator: nn.Module) -> Mapping[str, Tensor]:
        """The state with each weight divided by its spectral norm."""
        state = {k: v for k, v in generator.state_dict().items() if ".parametrizations." not in k}
        for name, module in generator.named_modules():
            if parametrize.is_parametrized(module, "weight"):
                norms = module.parametrizations
                assert isinstance(norms, nn.ModuleDict)
                before = norms.training
                norms.eval()  # in training mode reading a weight would move its power iteration
                state[f"{name}.weight"] = module.weight.detach()
                norms.train(before)
        return state

    def generate(
        self, generator: nn.Module, z: Tensor, labels: Tensor, rng: torch.Generator | None
    ) -> Tensor:
        """Images of latents and labels."""
        images: Tensor = generator(z, labels)
        return images
