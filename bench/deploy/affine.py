"""Numbers on a grid as integers with scale and zero point, as QuantizeLinear knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganqbench.audit.grid import find_grid

_FAR = 1e6
"""Values this much larger than any that were seen are beyond every clip."""
_RAMP = 2**14
_WHOLE = 1e-3
"""Largest distance of a zero point from a whole number, in steps."""


class NotAffine(Exception):
    """An operand can't be written as integers; the message says why, as the rest of a sentence."""


@dataclass(frozen=True)
class Activation:
    """x -> (clip(round(x / scale) + zero, 0, levels - 1) - zero) * scale."""

    scale: np.float32
    zero: int
    levels: int

    @property
    def highest(self) -> np.float32:
        """The largest number on the grid."""
        return np.float32((self.levels - 1 - self.zero) * np.float64(self.scale))


@dataclass(frozen=True)
class Weight:
    """`numbers` times `scale`, one for each index of dimension `axis`; the zero point is 0.

    `numbers` fit `bits` (4 or 8) as two's complement.
    """

    numbers: NDArray[np.int8]
    scale: NDArray[np.float32]
    axis: int
    bits: int


def activation(quantizer: Callable[[Tensor], Tensor], largest: float) -> Activation:
    """The grid of a quantizer (a function of values) that has met magnitudes up to `largest`.

    It is found out by asking: values far out show where it clips, a ramp between shows its steps.
    Raises NotAffine where it doesn't clip, moves with its input or has no level at 0.
    """
    low, high = _ends(quantizer, _FAR * max(largest, 1.0))
    if (low, high) != _ends(quantizer, 10 * _FAR * max(largest, 1.0)):
        raise NotAffine("its range moves with the values (dynamic quantization)")
    ramp = torch.linspace(low, high, _RAMP)
    grid = find_grid(quantizer(ramp).detach().numpy())
    if grid is None or grid.levels > 256 or grid.step == 0:
        raise NotAffine("its values lie on no grid of at most 256 levels")
    zero = -low / grid.step
    if abs(zero - round(zero)) > _WHOLE or not 0 <= round(zero) <= 255:
        raise NotAffine("0 is none of its levels")
    return Activation(np.float32(grid.step), round(zero), grid.levels)


def _ends(quantizer: Callable[[Tensor], Tensor], far: float) -> tuple[float, float]:
    # A range that follows the values shows only where the values differ from call to call.
    low, high = quantizer(torch.tensor([-far, far])).tolist()
    return low, high


def weight(values: NDArray[np.floating[Any]], axis: int) -> Weight:
    """The integers behind a weight, with the coarsest scale per output channel that gives all its values.

    Raises NotAffine where a channel's values lie on no grid through 0 of at most 8 bits.
    """
    rows = np.moveaxis(values, axis, 0).astype(np.float64)
    scale = np.ones(len(rows), np.float32)
    numbers = np.zeros(rows.shape, np.int64)
    for index, row in enumerate(rows):
        grid = find_grid(np.append(row.ravel(), 0.0))
        if grid is None:
            raise NotAffine("its weights lie on no grid")
        if grid.step > 0:
            scale[index] = grid.step
            numbers[index] = np.rint(row / grid.step)
    low, high = numbers.min(), numbers.max()
    if low < -128 or high > 127:
        raise NotAffine("its weights take more than 8 bits with a level at 0")
    bits = 4 if low >= -8 and high <= 7 else 8
    return Weight(np.moveaxis(numbers, 0, axis).astype(np.int8), scale, axis, bits)
