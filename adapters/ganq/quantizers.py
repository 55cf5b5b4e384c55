"""Quantizers as modules: fixed, dynamic, and the learned ones of the literature.

Each is made from the grid that calibration found. Those for weights serve as parametrizations.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.grids import Grid, affine
from ganqbench.adapters.ganq.rounding import (
    fake_quantize,
    round_through,
    scale_gradient,
    straight_through,
)


class Static(nn.Module):
    """A fixed grid. DoReFa's activations are of this kind: clipped to a fixed range, then rounded."""

    step: Tensor
    zero: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.register_buffer("step", grid.step.clone())
        self.register_buffer("zero", grid.zero.clone())
        self.low, self.high = grid.low, grid.high

    @property
    def grid(self) -> Grid:
        """The grid, sharing its tensors."""
        return Grid(self.step, self.zero, self.low, self.high)

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        return fake_quantize(x, self.step, self.zero, self.low, self.high)


class Dynamic(nn.Module):
    """A grid per sample, from the extremes of the sample [N, ...] itself."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, x: Tensor) -> Tensor:
        """x, each sample on a grid of its own."""
        dims = list(range(1, x.ndim))
        # Straight-through: the range is no path for gradients.
        fixed = x.detach()
        grid = affine(fixed.amin(dims, keepdim=True), fixed.amax(dims, keepdim=True), self.bits)
        return grid.quantize(x)


class LSQ(nn.Module):
    """A learned step (Esser et al. 2020, eq. 1-3) without a zero point.

    `activation` says that dimension 0 of what is quantized counts samples, which take no part
    in the scale of the step's gradient, 1 / sqrt(N Q_P) with N values per step.
    """

    def __init__(self, grid: Grid, *, activation: bool) -> None:
        super().__init__()
        self.step = nn.Parameter(grid.step.clone())
        self.activation = activation
        self.low, self.high = grid.low, grid.high

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        # An optimizer may push a step through 0, beyond which the grid is the same.
        step = scale_gradient(self.step.abs(), self.gradient_scale(x))
        return fake_quantize(x, step, torch.zeros_like(step), self.low, self.high)

    def gradient_scale(self, x: Tensor) -> float:
        """The factor on the step's gradient (section 2.2 of the paper)."""
        values = x[0].numel() if self.activation else x.numel() // self.step.numel()
        return 1 / math.sqrt(values * self.high)


class LSQPlus(LSQ):
    """Step and offset learned, for activations (Bhalgat et al. 2020, eq. 5-8).

    The offset acts rounded to whole steps, straight-through, so that 0 stays a level (the paper's
    offset is any real number, which a convolution with padding can't do in integers).
    """

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid, activation=True)
        self.offset = nn.Parameter(grid.lowest.clone())

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        scale = self.gradient_scale(x)
        step = scale_gradient(self.step.abs(), scale)
        offset = scale_gradient(self.offset, scale)
        return fake_quantize(x, step, round_through(-offset / step), self.low, self.high)


class PACT(nn.Module):
    """A learned clip (Choi et al. 2018, eq. 1-3): its gradient comes from the values beyond it alone.

    The paper clips to [0, upper]; inputs that were negative in calibration get a `lower` learned
    in the same way.
    """

    lower: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.upper = nn.Parameter(grid.highest.clone())
        lower = grid.lowest.clone()
        if lower < 0:
            self.lower = nn.Parameter(lower)
        else:
            self.register_buffer("lower", lower)
        self.levels = grid.high - grid.low + 1

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        clipped = torch.where(x >= self.upper, self.upper, torch.where(x < self.lower, self.lower, x))
        with torch.no_grad():
            step = (self.upper - self.lower).clamp_min(1e-12) / (self.levels - 1)
            zero = (-self.lower / step).round()
            discrete = fake_quantize(clipped, step, zero, 0, self.levels - 1)
        return straight_through(discrete, clipped)


class DoReFaWeight(nn.Module):
    """Weights from latent ones by way of tanh (Zhou et al. 2016, eq. 9), times a fixed scale.

    2 round(n (tanh(v) / 2 max|tanh(v)| + 1/2)) / n - 1 with n = 2^bits - 1. The paper trains from
    scratch; here the scale and the latents are such that pretrained weights come out as they were
    before rounding.
    """

    scale: Tensor
    _LARGEST = math.tanh(1)

    def __init__(self, weight: Tensor, output_dim: int | None, bits: int) -> None:
        super().__init__()
        self.dims = [dim for dim in range(weight.ndim) if dim != output_dim]
        self.register_buffer("scale", weight.detach().abs().amax(self.dims, keepdim=True).clamp_min(1e-12))
        self.last = 2**bits - 1

    def forward(self, latent: Tensor) -> Tensor:
        """The weights on their grid."""
        bounded = latent.tanh()
        largest = bounded.abs().amax(self.dims, keepdim=True).clamp_min(1e-12)
        level = round_through((bounded / (2 * largest) + 0.5) * self.last)
        weight: Tensor = (2 * level - self.last) * (self.scale / self.last)
        return weight

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Latents whose weights before rounding are these; torch's parametrizations call it."""
        latent: Tensor = (weight / self.scale * self._LARGEST).atanh()
        return latent


class _ScaledRounding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        rounded = x.round()
        ctx.save_for_backward(x - rounded)
        ctx.factor = factor
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (error,) = ctx.saved_tensors
        (gradient,) = gradients
        return gradient * (1 + ctx.factor * gradient.sign() * error), None


class EWGS(nn.Module):
    """Learned bounds, and gradients scaled element-wise (Lee et al. 2021, eq. 3-5).

    The gradient of a value becomes g (1 + delta sign(g) (x_n - x_q)), with x_n the value in units of
    the range and x_q its rounding. delta is fixed. The paper's separate output scale is left out:
    the result is in the units of x. As in `LSQPlus` 0 is a level.
    """

    def __init__(self, grid: Grid, delta: float = 1e-3) -> None:
        super().__init__()
        self.lower = nn.Parameter(grid.lowest.clone())
        self.upper = nn.Parameter(grid.highest.clone())
        self.last = grid.high - grid.low
        self.delta = delta

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        step = (self.upper - self.lower).clamp_min(1e-12) / self.last
        zero = round_through(-self.lower / step)
        # x_n times the number of steps, so that number divides the error in the factor.
        scaled = (x / step + zero).clamp(0, self.last)
        level: Tensor = _ScaledRounding.apply(scaled, self.delta / self.last)
        return (level - zero) * step
