"""Does an integer model give the images of the fake-quantized generator that it was written from?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from ganqbench.zoo.generator import Inputs, to_uint8

LEAST = 40.0
"""Decibels below which a model is not the generator that was measured: no latency of it is published."""
_BEST = 100.0


@dataclass(frozen=True)
class Parity:
    """Agreement on uint8 images: mean PSNR in dB (at most 100), its worst image, the largest difference."""

    psnr: float
    worst: float
    worst_pixel: int
    n: int


def parity(model: nn.Module, module: nn.Module, batches: Iterable[Inputs]) -> Parity:
    """Compare both on the same inputs. Rounding flips to a neighbouring level amplify: 40 dB is usual."""
    decibels: list[float] = []
    largest = 0
    with torch.inference_mode():
        for inputs in batches:
            one, other = (to_uint8(each(*inputs)).int() for each in (model, module))
            differences = (one - other).abs()
            largest = max(largest, int(differences.max()))
            squares = differences.double().square().flatten(1).mean(1)
            decibels += (10 * torch.log10(255**2 / squares.clamp_min(1e-9))).clamp_max(_BEST).tolist()
    return Parity(sum(decibels) / len(decibels), min(decibels), largest, len(decibels))
