"""The uniform fake quantizer and the gradients that go through it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, discrete: Tensor, continuous: Tensor) -> Tensor:
        return discrete.view_as(discrete)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return None, gradients[0]


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0] * ctx.factor, None


def straight_through(discrete: Tensor, continuous: Tensor) -> Tensor:
    """The values of `discrete`, with the gradient of `continuous` (Bengio et al. 2013); of one shape."""
    result: Tensor = _StraightThrough.apply(discrete, continuous)
    return result


def round_through(x: Tensor) -> Tensor:
    """x rounded to the nearest whole number, ties to even; the gradient is that of x."""
    return straight_through(x.round(), x)


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """x itself; its gradient is multiplied by `factor`."""
    result: Tensor = _ScaledGradient.apply(x, factor)
    return result


def fake_quantize(x: Tensor, step: Tensor, zero: Tensor, low: int, high: int) -> Tensor:
    """x on the grid `step * (q - zero)` with whole numbers q in [low, high]; any shapes that broadcast.

    Jacob et al. 2018, eq. 1, in floating point. The gradients are those of LSQ (Esser et al. 2020,
    eq. 3): towards x 1 inside of the range and 0 outside, towards the step round(x / step) - x / step
    inside and the end of the range outside. `zero` holds whole numbers.
    """
    level = round_through((x / step + zero).clamp(low, high))
    return (level - zero) * step
