"""A small network in a file of the outer shape of Inception's, which is a TorchScript archive."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from ganqbench.metrics.inception import Pin


class StandIn(nn.Module):
    """2048 features of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 2048, 4, stride=73), nn.BatchNorm2d(2048), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.layers(images)
        return result


def stand_in(path: Path) -> Pin:
    """Write the file; how it is pinned."""
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.manual_seed(0)
        torch.jit.save(torch.jit.script(StandIn().eval()), path)
    content = path.read_bytes()
    return Pin(path.name, len(content), hashlib.sha256(content).hexdigest())
