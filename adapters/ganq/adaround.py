"""AdaRound (Nagel et al. 2020): learn layer by layer which weights to round up.

The layer's squared output error is a quadratic form in its weights (the paper's eq. 20), with the
input's second moments as its matrix. Those are computed once, so an iteration costs the same
for any number of images and the objective is that of all sampled positions at each step. Inputs
are the quantized ones, targets those of the full-precision generator (asymmetric reconstruction,
section 3.4; without its activation function, since behind most layers here comes a norm).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.capture import capture, enough
from ganqbench.adapters.ganq.grids import Grid
from ganqbench.adapters.ganq.matrices import POSITIONS, sample_columns, weight_rows
from ganqbench.adapters.ganq.products import Weighted, operands, weight_chain, weighted
from ganqbench.adapters.ganq.quantizers import Static
from ganqbench.adapters.ganq.soft_rounding import Annealing, SoftRounding
from ganqbench.adapters.ganq.units import layers_in_order
from ganqbench.zoo.generator import Inputs

ITERATIONS = 200
_RATE = 0.1


@dataclass(frozen=True)
class OutputError:
    """Mean squared output error of a layer as a function of its weights.

    From the inputs [groups, positions, values] that the quantized and the full-precision layer get
    and the latter's weights [groups, outputs, values].
    """

    second: Tensor
    target: Tensor
    constant: Tensor

    @classmethod
    def of(cls, quantized: Tensor, exact: Tensor, weight: Tensor) -> OutputError:
        """Collect the moments."""
        n = quantized.shape[1]
        wanted = exact @ weight.transpose(1, 2)
        return cls(
            second=quantized.transpose(1, 2) @ quantized / n,
            target=wanted.transpose(1, 2) @ quantized / n,
            constant=wanted.square().sum() / n,
        )

    def __call__(self, weight: Tensor) -> Tensor:
        """Sum over the outputs of the squared error, mean over the positions."""
        return ((weight @ self.second - 2 * self.target) * weight).sum() + self.constant

    def slope(self, weight: Tensor) -> Tensor:
        """The gradient of the error at these weights."""
        return 2 * (weight @ self.second - self.target)


def learn_rounding(layer: Weighted, weight: Tensor, grid: Grid, error: OutputError) -> Tensor:
    """The weight rounded up or down on the grid such that the error is small."""
    nearest = error(weight_rows(layer, grid.quantize(weight))).clamp_min(1e-12)
    soft = SoftRounding(weight, grid)
    annealing = Annealing(ITERATIONS)
    optimizer = torch.optim.Adam(soft.parameters(), lr=_RATE)
    for iteration in range(ITERATIONS):
        up = soft.up()
        rows = weight_rows(layer, soft.at(up))
        # The inner product has the error's gradient at half the cost of going back through its square.
        loss = (error.slope(rows.detach()) * rows).sum() / nearest + annealing.penalty(iteration, [up])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return soft.decided()


def adaround(model: nn.Module, exact: nn.Module, calibration: Iterable[Inputs], seed: int) -> None:
    """Round the weights of `model`, which has `Static` quantizers, to give the outputs of `exact`."""
    batches = list(calibration)
    layers = weighted(model)
    for name in layers_in_order(exact, batches[0]):
        layer, chain = layers[name], weight_chain(layers[name])
        quantizer = chain[0]
        assert isinstance(quantizer, Static)
        samples = enough(exact, name, batches)
        wanted = capture(exact, name, batches, samples).arguments[0]
        given = operands(layer)[0](capture(model, name, batches, samples).arguments[0])
        columns, exact_columns = sample_columns(layer, (given, wanted), POSITIONS, seed)
        weight = chain.original.detach()
        error = OutputError.of(columns, exact_columns, weight_rows(layer, weight))
        with torch.enable_grad():
            rounded = learn_rounding(layer, weight, quantizer.grid, error)
        # On the grid already, so the quantizer leaves it as it is.
        chain.original.data.copy_(rounded)
