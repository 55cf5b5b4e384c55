"""Layers that are matrix products in different ways, and random numbers for them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.products import Weighted


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


with torch.random.fork_rng(devices=[]):
    torch.default_generator.manual_seed(0)
    LAYERS: dict[str, Weighted] = {
        "conv": nn.Conv2d(4, 6, 3, stride=2, padding=1),
        "conv, uneven": nn.Conv2d(4, 6, (3, 5), padding=(1, 2), dilation=(2, 1)),
        "conv, reflected": nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
        "conv, grouped": nn.Conv2d(4, 6, 3, groups=2),
        "transposed": nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1),
        "transposed, whole": nn.ConvTranspose2d(4, 6, 3, stride=2),
        "transposed, grouped": nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, groups=2),
        "linear": nn.Linear(4, 6),
    }
