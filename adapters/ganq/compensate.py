"""Rounding with compensation: the weights not yet rounded make up for the error of those that are.

GPTQ (Frantar et al. 2023, arXiv 2210.17323, section 3): input by input in the order of falling power,
with the inverse of the inputs' second moments saying how. Before, the weights become those whose
outputs on the quantized inputs are nearest to the full-precision layer's on its own inputs
(least squares), so that a layer also makes up for what the layers before it lost. Layers go in the
order in which they run.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.capture import capture, enough
from ganqbench.adapters.ganq.equalize import as_read
from ganqbench.adapters.ganq.matrices import POSITIONS, sample_columns, weight_of_rows, weight_rows
from ganqbench.adapters.ganq.products import operands, weight_chain, weighted
from ganqbench.adapters.ganq.quantizers import LSQ, Static
from ganqbench.adapters.ganq.units import layers_in_order
from ganqbench.zoo.generator import Inputs

_DAMPING = 0.01
"""Of the mean power of an input, added to each (the paper's section 3.3, step 3)."""


def compensate(model: nn.Module, exact: nn.Module, calibration: Iterable[Inputs], seed: int) -> None:
    """Move the weights of `model`, which has `Static` or `LSQ` quantizers, onto their grids."""
    batches = list(calibration)
    layers = weighted(model)
    for name in layers_in_order(exact, batches[0]):
        layer, chain = layers[name], weight_chain(layers[name])
        samples = enough(exact, name, batches)
        unrounded = capture(model, name, batches, samples).arguments[0]
        wanted = as_read(layer, capture(exact, name, batches, samples).arguments[0], like=unrounded)
        given = operands(layer)[0](as_read(layer, unrounded))
        columns, exact_columns = (
            part.double() for part in sample_columns(layer, (given, wanted), POSITIONS, seed)
        )
        weight = chain.original.detach()
        step, low, high = _grid(chain[0])
        with torch.no_grad():
            second = _damped(columns)
            rows = nearest_rows(weight_rows(layer, weight).double(), columns, exact_columns, second)
            steps = weight_rows(layer, step.expand_as(weight)).double()
            rounded = torch.stack(
                [
                    round_rows(row, size, low, high, moments)
                    for row, size, moments in zip(rows, steps, second, strict=True)
                ]
            )
            # On the grid already, so the quantizer leaves it as it is.
            chain.original.data.copy_(weight_of_rows(layer, rounded.to(weight.dtype), weight.shape))


def nearest_rows(weight: Tensor, columns: Tensor, exact: Tensor, second: Tensor) -> Tensor:
    """The weights W' that minimise the damped |W' x' - W x|^2 for inputs x and the quantized ones x'.

    All are [groups, ...]: weights [outputs, values], inputs [positions, values], moments [values, values].
    """
    lost = (exact - columns) @ weight.transpose(1, 2)
    gained = lost.transpose(1, 2) @ columns / columns.shape[1]
    moved: Tensor = weight + torch.linalg.solve(second, gained, left=False)
    return moved


def round_rows(weight: Tensor, step: Tensor, low: int, high: int, second: Tensor) -> Tensor:
    """Weights [outputs, values] on the grid of their steps (of the same shape), `low` to `high` of them.

    `second` [values, values] is positive definite: the moments of the inputs. Raises
    torch.linalg.LinAlgError where it is not.
    """
    order = second.diagonal().argsort(descending=True, stable=True)
    left, step = weight[:, order].clone(), step[:, order]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(second[order][:, order]))
    upper = torch.linalg.cholesky(inverse, upper=True)
    rounded = torch.empty_like(left)
    for index in range(left.shape[1]):
        size = step[:, index]
        rounded[:, index] = (left[:, index] / size).round().clamp(low, high) * size
        error = (left[:, index] - rounded[:, index]) / upper[index, index]
        left[:, index + 1 :] -= error[:, None] * upper[index, index + 1 :]
    return rounded[:, order.argsort()]


def _damped(columns: Tensor) -> Tensor:
    """Second moments [groups, values, values] of inputs [groups, positions, values]."""
    second = columns.transpose(1, 2) @ columns / columns.shape[1]
    power = second.diagonal(dim1=1, dim2=2)
    # An input that is always zero has no power of its own, and there may be nothing else.
    second.diagonal(dim1=1, dim2=2).add_((_DAMPING * power.mean(dim=1, keepdim=True)).clamp_min(1e-9))
    return second


def _grid(quantizer: nn.Module) -> tuple[Tensor, int, int]:
    """Step, lowest and highest level of a symmetric quantizer."""
    if isinstance(quantizer, Static):
        grid = quantizer.grid
        return grid.step, grid.low, grid.high
    assert isinstance(quantizer, LSQ)
    return quantizer.step.detach().abs(), quantizer.low, quantizer.high
