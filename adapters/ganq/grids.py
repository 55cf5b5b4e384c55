"""Uniform grids, made from the range that they are to cover."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganqbench.adapters.ganq.rounding import fake_quantize


@dataclass(frozen=True)
class Grid:
    """`step * (q - zero)` for the whole numbers q from `low` to `high`; step and zero broadcast."""

    step: Tensor
    zero: Tensor
    low: int
    high: int

    def quantize(self, x: Tensor) -> Tensor:
        """x on this grid."""
        return fake_quantize(x, self.step, self.zero, self.low, self.high)

    @property
    def lowest(self) -> Tensor:
        """The smallest value on the grid."""
        return (self.low - self.zero) * self.step

    @property
    def highest(self) -> Tensor:
        """The largest value on the grid."""
        return (self.high - self.zero) * self.step


def affine(low: Tensor, high: Tensor, bits: int) -> Grid:
    """2^bits levels from `low` to `high`, both widened to 0.

    0 is a level, because that is what a convolution pads its quantized input with.
    """
    last = 2**bits - 1
    low, high = low.clamp_max(0), high.clamp_min(0)
    step = _step(high - low, last)
    return Grid(step, (-low / step).round(), 0, last)


def symmetric(largest: Tensor, bits: int, *, signed: bool = True) -> Grid:
    """2^bits levels around 0, of which the upper end is `largest`; unsigned ones begin at 0."""
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    low = -(2 ** (bits - 1)) if signed else 0
    step = _step(largest, high)
    return Grid(step, torch.zeros_like(step), low, high)


def _step(width: Tensor, steps: int) -> Tensor:
    """Width over steps; 1 where that is nothing a float can hold well, so that a constant 0 stays 0."""
    step = width / steps
    return torch.where(step >= torch.finfo(step.dtype).tiny, step, torch.ones_like(step))
