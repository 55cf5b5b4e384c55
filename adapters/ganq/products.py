"""Put quantizers on the operands of a generator's products, whichever layer runs them.

Weights get a parametrization, so that whoever reads `layer.weight` (the demodulation of StyleGAN2
does) sees the quantized one. Inputs are quantized by a hook before the layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganqbench.zoo.layers import MatMul

Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def products(model: nn.Module) -> dict[str, nn.Module]:
    """Every layer with a weight and every product of two activations, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | MatMul)
    }


def weighted(model: nn.Module) -> dict[str, Weighted]:
    """The layers with a weight."""
    return {
        name: module
        for name, module in products(model).items()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    }


def output_dim(layer: nn.Module) -> int:
    """The dimension of the weight that counts output channels."""
    return 1 if isinstance(layer, nn.ConvTranspose2d) else 0


def quantize_weight(layer: nn.Module, quantizer: nn.Module) -> None:
    """Pass the weight through `quantizer` from now on; it stays a parameter underneath."""
    parametrize.register_parametrization(layer, "weight", quantizer)


def quantize_operands(product: nn.Module, quantizers: Sequence[nn.Module]) -> None:
    """Pass each input of the layer through its quantizer from now on."""
    product.operands = nn.ModuleList(quantizers)
    product.register_forward_pre_hook(_through_operands)


def _through_operands(product: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(quantizer(value) for quantizer, value in zip(operands(product), inputs, strict=True))


def operands(product: nn.Module) -> nn.ModuleList:
    """The quantizers of a product's inputs."""
    return cast("nn.ModuleList", product.operands)


def weight_chain(layer: nn.Module) -> Any:
    """The parametrization of a layer's weight: `original` is the parameter, `[0]` the quantizer."""
    return cast("Any", layer).parametrizations.weight
