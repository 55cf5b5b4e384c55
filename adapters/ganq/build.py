"""From a method's options to a generator with quantizers in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from ganqbench.adapters.ganq.calibrate import observe
from ganqbench.adapters.ganq.products import (
    output_dim,
    products,
    quantize_operands,
    quantize_weight,
    weighted,
)
from ganqbench.adapters.ganq.quantizers import EWGS, LSQ, PACT, DoReFaWeight, Dynamic, LSQPlus, Static
from ganqbench.adapters.ganq.ranges import Criterion, Histogram, activation_grid, weight_grid
from ganqbench.cell import Bits
from ganqbench.zoo.generator import Inputs

WeightKind = Literal["static", "lsq", "dorefa", "ewgs"]
ActivationKind = Literal["static", "dynamic", "lsq", "lsq-plus", "pact", "ewgs"]


@dataclass(frozen=True)
class Scheme:
    """Which quantizers, and the criterion of their (first) ranges."""

    weights: WeightKind = "static"
    activations: ActivationKind = "static"
    weight_range: Criterion = "mse"
    activation_range: Criterion = "mse"
    per_channel: bool = True
    equalize: float | None = None
    """SmoothQuant's alpha: how much of the activations' range goes into the weights before; None: nothing."""
    level: bool = False
    """Whether what is equalized are not channels alone but images too."""
    ends: int | None = None
    """Bits at least of the weights of the first and last layers; None: those of all."""

    def __post_init__(self) -> None:
        if self.level and self.equalize is None:
            raise ValueError("images are evened out where channels are: give `equalize` with `level`")


def insert_quantizers(
    model: nn.Module, calibration: Iterable[Inputs], bits: Bits, scheme: Scheme, ends: Sequence[str] = ()
) -> None:
    """Calibrate on the full-precision model, then put a quantizer on every operand of its products.

    `ends` names the modules whose layers are the first and last ones. Raises ValueError when a product
    never ran, since nothing is known of its inputs.
    """
    seen = observe(model, calibration, with_counts=scheme.activation_range != "minmax")
    for name, product in products(model).items():
        histograms = [found for (owner, _), found in seen.items() if owner == name]
        if not histograms:
            raise ValueError(f"{name} did not run during calibration")
        quantize_operands(product, [_activation(found, bits.activations, scheme) for found in histograms])
    for name, layer in weighted(model).items():
        is_end = scheme.ends is not None and f"{name}.".startswith(tuple(f"{end}." for end in ends))
        width = max(bits.weights, scheme.ends or 0) if is_end else bits.weights
        quantize_weight(layer, _weight(layer, width, scheme))


def _activation(seen: Histogram, bits: int, scheme: Scheme) -> nn.Module:
    if scheme.activations == "dynamic":
        return Dynamic(bits)
    has_zero_point = scheme.activations != "lsq"
    grid = activation_grid(seen, bits, scheme.activation_range, has_zero_point=has_zero_point)
    match scheme.activations:
        case "lsq":
            return LSQ(grid, activation=True)
        case "lsq-plus":
            return LSQPlus(grid)
        case "pact":
            return PACT(grid)
        case "ewgs":
            return EWGS(grid)
        case "static":
            return Static(grid)


def _weight(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, bits: int, scheme: Scheme) -> nn.Module:
    dim = output_dim(layer) if scheme.per_channel else None
    weight = layer.weight.detach()
    if scheme.weights == "dorefa":
        return DoReFaWeight(weight, dim, bits)
    grid = weight_grid(weight, dim, bits, scheme.weight_range)
    match scheme.weights:
        case "lsq":
            return LSQ(grid, activation=False)
        case "ewgs":
            return EWGS(grid)
        case "static":
            return Static(grid)
