"""Watch the operands of every product while the full-precision generator runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.products import products
from ganqbench.adapters.ganq.ranges import BINS, Histogram
from ganqbench.zoo.generator import Inputs

Operand = tuple[str, int]
"""A product's name and which of its inputs."""


def observe(
    model: nn.Module, calibration: Iterable[Inputs], *, with_counts: bool
) -> dict[Operand, Histogram]:
    """What each operand held over the whole calibration set, in the order of the products' first runs.

    One pass for the extremes; `with_counts` a second one, since bins need to know them.
    """
    extremes: dict[Operand, tuple[float, float]] = {}

    def widen(operand: Operand, value: Tensor) -> None:
        low, high = (float(end) for end in value.aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"calibration put values that are not finite into {operand[0]}")
        before = extremes.get(operand, (low, high))
        extremes[operand] = (min(low, before[0]), max(high, before[1]))

    _run(model, calibration, widen)
    counts = {operand: torch.zeros(BINS if with_counts else 0) for operand in extremes}

    def count(operand: Operand, value: Tensor) -> None:
        low, high = extremes[operand]
        counts[operand] += torch.histc(value, BINS, low, high)

    if with_counts:
        _run(model, calibration, count)
    return {operand: Histogram(*extremes[operand], counts[operand]) for operand in extremes}


def _run(model: nn.Module, calibration: Iterable[Inputs], note: Callable[[Operand, Tensor], None]) -> None:
    with torch.no_grad(), _watched(model, note):
        for inputs in calibration:
            model(*inputs)


@contextmanager
def _watched(model: nn.Module, note: Callable[[Operand, Tensor], None]) -> Iterator[None]:
    def hook(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def each(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            for index, value in enumerate(inputs):
                note((name, index), value)

        return each

    handles = [module.register_forward_pre_hook(hook(name)) for name, module in products(model).items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
