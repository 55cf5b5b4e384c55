"""Which range a grid covers: all that was seen, all but a percentile, or the least squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganqbench.adapters.ganq.grids import Grid, affine, symmetric

Criterion = Literal["minmax", "percentile", "mse"]
BINS = 4096
_CLIPPED = 1e-5
"""Share of the values that a percentile range clips at either end."""
_SHRINK = 48
"""Candidates per end of an MSE-optimal range, from all of it down to a fiftieth."""


@dataclass(frozen=True)
class Histogram:
    """What a tensor held during calibration: its extremes, and counts in equal bins between them.

    `counts` is empty where only the extremes were collected.
    """

    low: float
    high: float
    counts: Tensor

    @property
    def centres(self) -> Tensor:
        """The middle of each bin [bins]."""
        n = len(self.counts)
        return self.low + (self.high - self.low) * (torch.arange(n, dtype=torch.float32) + 0.5) / n


def activation_grid(seen: Histogram, bits: int, criterion: Criterion, *, has_zero_point: bool = True) -> Grid:
    """The grid for an activation; without a zero point it is symmetric, or unsigned if none was negative."""

    def make(low: Tensor, high: Tensor) -> Grid:
        if has_zero_point:
            return affine(low, high, bits)
        return symmetric(torch.maximum(-low, high), bits, signed=seen.low < 0)

    low, high = torch.tensor(seen.low), torch.tensor(seen.high)
    if criterion == "minmax":
        return make(low, high)
    if criterion == "percentile":
        share = seen.counts.cumsum(0) / seen.counts.sum()
        edges = torch.linspace(seen.low, seen.high, len(seen.counts) + 1)
        first = int((share <= _CLIPPED).sum())
        last = int((share < 1 - _CLIPPED).sum()) + 1
        return make(edges[first], edges[last])
    factors = torch.linspace(1, 0.02, _SHRINK)
    if not has_zero_point:  # both ends are one
        ends = torch.maximum(-low, high) * factors
        best = _best(seen, make(-ends, ends))
        return make(-ends[best], ends[best])
    lows, highs = (low.clamp_max(0) * factors, high.clamp_min(0) * factors)
    # Each end by itself, the other as found before: twice over is where it settles.
    best_low, best_high = low, high
    for _ in range(2):
        best_high = highs[_best(seen, make(best_low.expand(_SHRINK), highs))]
        best_low = lows[_best(seen, make(lows, best_high.expand(_SHRINK)))]
    return make(best_low, best_high)


def _best(seen: Histogram, candidates: Grid) -> int:
    """Index of the candidate of least squared error, by the centres of the bins."""
    columns = Grid(candidates.step[:, None], candidates.zero[:, None], candidates.low, candidates.high)
    centres = seen.centres.expand(len(candidates.step), -1)
    errors = (columns.quantize(centres) - centres).square() @ seen.counts
    return int(errors.argmin())


def weight_grid(weight: Tensor, output_dim: int | None, bits: int, criterion: Criterion) -> Grid:
    """The symmetric grid for a weight, one step per index of `output_dim` (None: one for all).

    Percentiles are for the long tails of activations: for a weight they mean least squared error.
    """
    dims = [dim for dim in range(weight.ndim) if dim != output_dim]
    largest = weight.abs().amax(dims, keepdim=True)
    best = symmetric(largest, bits)
    if criterion == "minmax":
        return best
    least = (best.quantize(weight) - weight).square().sum(dims, keepdim=True)
    for factor in torch.linspace(1, 0.2, _SHRINK)[1:]:
        grid = symmetric(largest * factor, bits)
        error = (grid.quantize(weight) - weight).square().sum(dims, keepdim=True)
        best = Grid(torch.where(error < least, grid.step, best.step), best.zero, best.low, best.high)
        least = torch.minimum(error, least)
    return best
