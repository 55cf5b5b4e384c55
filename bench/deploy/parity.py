"""Does an integer model give the images of the fake-quantized generator that it was written from?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganqbench.zoo.generator import Inputs, to_uint8

_BEST = 100.0


@dataclass(frozen=True)
class Parity:
    """Agreement on uint8 images: mean PSNR in dB (at most 100), its worst image, the largest difference."""

    psnr: float
    worst: float
    worst_pixel: int
    n: int

    @classmethod
    def of(cls, one: Tensor, other: Tensor) -> Parity:
        """Of uint8 images [N, 3, H, W] in the same order."""
        differences = (one.int() - other.int()).abs()
        squares = differences.double().square().flatten(1).mean(1)
        decibels = (10 * torch.log10(255**2 / squares.clamp_min(1e-9))).clamp_max(_BEST).tolist()
        return cls(sum(decibels) / len(decibels), min(decibels), int(differences.max()), len(decibels))


def pictures(module: nn.Module, batches: Iterable[Inputs]) -> Tensor:
    """The uint8 images [N, 3, H, W] of a module."""
    with torch.inference_mode():
        return torch.cat([to_uint8(module(*inputs)) for inputs in batches])


def parity(model: nn.Module, module: nn.Module, batches: Iterable[Inputs]) -> Parity:
    """Compare both on the same inputs. Rounding flips to a neighbouring level amplify: 40 dB is usual."""
    items = list(batches)
    return Parity.of(pictures(model, items), pictures(module, items))
