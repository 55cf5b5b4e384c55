"""Mixed precision: the layers that bear it get narrower weights, until a budget of BOPs is met.

Each layer alone is narrowed first and the squared error of the images noted (as in HAWQ-V3, Yao et al.
2021, arXiv 2011.10680, with the images' own error in place of the Hessian's estimate). Then layers are
narrowed in the order of error per BOP saved. Every width stays within what the cell claims.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.build import Scheme
from ganqbench.adapters.ganq.products import Weighted, output_dim, weight_chain, weighted
from ganqbench.adapters.ganq.quantizers import Static
from ganqbench.adapters.ganq.ranges import weight_grid
from ganqbench.zoo.generator import Inputs

_BATCHES = 2
"""Calibration batches on which layers are judged."""


@dataclass(frozen=True)
class Layer:
    """What narrowing one layer alone costs and saves.

    `error` is the mean squared error it adds to images in [-1, 1] (at least 0), `macs` are those of
    the judged items.
    """

    name: str
    error: float
    macs: int


def narrow(model: nn.Module, calibration: Iterable[Inputs], bits: int, wide: int, share: float) -> None:
    """Give layers of a model with fixed `wide`-bit weights `bits` bits, in place, until BOPs meet `share`.

    `share` is of the BOPs that its layers have with all weights wide. Raises ValueError where not even
    all weights narrow would do.
    """
    if share < bits / wide:
        raise ValueError(f"{share:.0%} of the BOPs is less than all weights of {bits} bits take")
    layers = sensitivity(model, list(islice(iter(calibration), _BATCHES)), bits)
    for name in chosen(layers, bits / wide, share):
        narrow_layer(weighted(model)[name], bits)


def chosen(layers: Iterable[Layer], kept: float, share: float) -> tuple[str, ...]:
    """Names of the layers to narrow: least error per MAC first, until the rest fits.

    A narrowed layer keeps `kept` of its BOPs; `share` of all may remain.
    """
    order = sorted(layers, key=lambda layer: (layer.error / max(layer.macs, 1), layer.name))
    whole = sum(layer.macs for layer in order)
    left, names = float(whole), []
    for layer in order:
        if left <= share * whole * (1 + 1e-9):
            break
        names.append(layer.name)
        left -= (1 - kept) * layer.macs
    return tuple(names)


def sensitivity(model: nn.Module, batches: list[Inputs], bits: int) -> tuple[Layer, ...]:
    """Every layer with a weight, in the model's order, as if narrowed to `bits` alone."""
    macs, images = _run_counted(model, batches)
    found = []
    for name, layer in weighted(model).items():
        chain = weight_chain(layer)
        before = chain[0]
        narrow_layer(layer, bits)
        error = torch.stack(
            [(now - then).square().mean() for now, then in zip(_run(model, batches), images, strict=True)]
        )
        chain[0] = before
        found.append(Layer(name, float(error.mean()), macs[name]))
    return tuple(found)


def narrow_layer(layer: Weighted, bits: int) -> None:
    """Give one layer `bits`-bit weights, ranges of least squared error anew."""
    chain = weight_chain(layer)
    grid = weight_grid(chain.original.detach(), output_dim(layer), bits, Scheme().weight_range)
    chain[0] = Static(grid)


def _run(model: nn.Module, batches: list[Inputs]) -> list[Tensor]:
    with torch.no_grad():
        return [model(*inputs) for inputs in batches]


def _run_counted(model: nn.Module, batches: list[Inputs]) -> tuple[Mapping[str, int], list[Tensor]]:
    counted = dict.fromkeys(weighted(model), 0)

    def note(name: str, layer: Weighted, given: Tensor, result: Tensor) -> None:
        # A transposed convolution multiplies each input, the others make each result.
        across = given if isinstance(layer, nn.ConvTranspose2d) else result
        counted[name] += across.numel() * math.prod(layer.weight.shape[1:])

    handles = [
        layer.register_forward_hook(lambda m, i, o, name=name: note(name, m, i[0], o))
        for name, layer in weighted(model).items()
    ]
    try:
        images = _run(model, batches)
    finally:
        for handle in handles:
            handle.remove()
    return counted, images
