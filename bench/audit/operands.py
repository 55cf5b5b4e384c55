"""Judge one operand of a product: on how many levels do its values lie, and per what?

Weights are judged per output channel (one scale and zero point for each; a per-tensor grid
passes as the special case). A scale per *input* channel does not: the products of one output
could not be summed as integers. Activations are judged per tensor, else per sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganqbench.audit.grid import ACCIDENT, Grid, Numbers, find_grid

Granularity = Literal["tensor", "channel", "sample"]
_SURE_BITS = 8


@dataclass(frozen=True)
class Judgement:
    """What an operand's values turned out to be.

    `levels` is the largest number of levels of any scale group, None where there is no grid
    (or too few values to believe in one); `groups` counts the groups with a scale of their own.
    `grid` is the common grid of a per-tensor operand. `count` is the number of values.
    `static`: one grid served every input judged (true as long as only one was).
    """

    levels: int | None
    granularity: Granularity | None
    groups: int
    count: int
    grid: Grid | None = None
    static: bool = True

    def worse(self, other: Judgement) -> Judgement:
        """What can be said of an activation that was judged for two inputs."""
        if self.levels is None or other.levels is None:
            return Judgement(None, None, 0, self.count, static=False)
        static = self.grid is not None and other.grid is not None and _same(self.grid, other.grid)
        top = max((self, other), key=lambda one: (one.granularity == "sample", one.levels))
        return replace(top, levels=max(self.levels, other.levels), static=static)


@dataclass(frozen=True)
class Held:
    """How many numbers the integer types of a product's operands tell apart; None for floats."""

    activation: int | None
    weight: int | None


UNREADABLE = Judgement(None, None, 0, 0)
"""An operand that was not or can't be looked at: it counts as full precision."""


def bit_width(levels: int | None) -> int:
    """Bits that number the levels: at least 1, and 32 where there is no grid."""
    return 32 if levels is None else max(1, math.ceil(math.log2(levels)))


def judge_weight(weight: Numbers) -> Judgement:
    """Judge a weight given as [output channels, values per channel]."""
    count = weight.size
    whole = find_grid(weight)
    best = Judgement(None, None, 0, count)
    if whole is not None and _believable([whole], weight):
        best = Judgement(whole.levels, "tensor", 1, count, whole)
    return _narrower(best, weight, "channel")


def judge_activation(value: Tensor, *, by_sample: bool = True) -> Judgement:
    """Judge an activation (any shape), per tensor or else per item of dimension 0.

    Pass `by_sample=False` where dimension 0 is summed over, so that a scale for each item
    could not be taken out of the product.
    """
    count = value.numel()
    if not readable(value):
        return Judgement(None, None, 0, count)
    values = to_numpy(value)
    whole = find_grid(values)
    best = UNREADABLE
    if whole is not None and _believable([whole], values):
        best = Judgement(whole.levels, "tensor", 1, count, whole)
    # A few scales of their own can meet on a grid of some 2^15 levels by chance.
    if by_sample and value.ndim > 1 and len(values) > 1 and bit_width(best.levels) > _SURE_BITS:
        best = _narrower(best, values, "sample")
    return replace(best, count=count)


def readable(value: Tensor) -> bool:
    """Whether the tensor is a plain array of real numbers."""
    return not value.is_complex() and not value.is_quantized and value.layout == torch.strided


def to_numpy(value: Tensor) -> Numbers:
    """The tensor's values as a contiguous array; half precisions, which numpy lacks in part, as float32."""
    if value.is_floating_point() and value.dtype != torch.float64:
        value = value.float()
    array: Numbers = value.detach().cpu().contiguous().numpy()
    return array


def _narrower(whole: Judgement, values: Numbers, granularity: Granularity) -> Judgement:
    """Judge every item of dimension 0 by itself, if that takes fewer bits than one grid for all."""
    grids = []
    for item in values:
        grid = find_grid(item)
        if grid is None:
            return whole
        grids.append(grid)
    levels = max(grid.levels for grid in grids)
    if bit_width(levels) < bit_width(whole.levels) and _believable(grids, values):
        return Judgement(levels, granularity, len(grids), whole.count)
    return whole


def _believable(grids: list[Grid], values: Numbers) -> bool:
    """Whether random reals would hardly ever fit all these grids at the width they need.

    Groups fit independently, so their expected numbers of accidents multiply: a group too
    small to decide (factor 1) passes exactly when the operand's other groups settle it.
    An operand of zeros needs no evidence, for it says nothing.
    """
    levels = 2 ** bit_width(max(grid.levels for grid in grids))
    evidence = sum(grid.log_accident(levels) for grid in grids)
    return evidence < math.log(ACCIDENT) or not values.any()


def _same(one: Grid, other: Grid) -> bool:
    """Whether two grids are parts of one: the finer holds the first and last steps of the coarser."""
    if 0.0 in (one.step, other.step):
        return True  # a constant
    fine, coarse = sorted((one, other), key=lambda grid: grid.step)
    last = coarse.offset + coarse.step * (coarse.levels - 1)
    return fine.holds(np.array([coarse.offset, coarse.offset + coarse.step, last]))
