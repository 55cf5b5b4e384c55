"""Even out what a convolution reads before anything is quantized; in float the same function.

SmoothQuant (Xiao et al. 2023, eq. 4): input channel j is divided by k_j = a_j^alpha / w_j^(1 - alpha),
with a_j and w_j its largest activation and weight, and the weights that read it are multiplied by k_j.
One range for the whole tensor then fits all its channels. A deployed quantizer does the division for
nothing, as a scale per channel where it reads floats; in StyleGAN2's modulated convolutions it goes
into the affine layer that makes the style, so that demodulation stays what it was. Linear layers are
left alone: the latents and classes that they read have channels alike.

Images differ too: what a layer reads of one can be ten times what it reads of another, and one range
then clips the one or leaves the other few levels. Where images are levelled, each is divided by its
root mean square, and what comes out is multiplied by it, before the bias is added. This is one factor per
image, taken as the generator runs, like the instance norms of CycleGAN and the demodulation of StyleGAN2;
ranges, steps and zero points stay fixed, and so do the integer kernels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.products import Weighted, weighted
from ganqbench.zoo.generator import Inputs
from ganqbench.zoo.modulated import ModulatedConv

_MOST = 100.0
"""Largest factor between a channel and the geometric mean of all."""
_LEAST = 1e-8
"""Least size of an image."""


class Divide(nn.Module):
    """Divides each channel of [N, C, ...] by its factor."""

    factors: Tensor

    def __init__(self, factors: Tensor) -> None:
        super().__init__()
        self.register_buffer("factors", factors)

    def forward(self, x: Tensor) -> Tensor:
        """x, channel by channel."""
        return x / self.factors.view(1, -1, *[1] * (x.ndim - 2))


class Level(Divide):
    """Divides channels by their factors, then each image by its root mean square."""

    size: Tensor | None = None
    """Root mean squares [N, 1, ...] of the images seen last, until they are put back."""

    def forward(self, x: Tensor) -> Tensor:
        """x, each image of one size (of zeros: as it is)."""
        x = super().forward(x)
        self.size = x.square().mean(tuple(range(1, x.ndim)), keepdim=True).sqrt().clamp_min(_LEAST)
        return x / self.size

    def restore(self, output: Tensor, bias: Tensor | None) -> Tensor:
        """The layer's output [N, co, ...], which holds `bias`, as it is for the images themselves."""
        size, self.size = self.size, None
        assert size is not None
        output = output * size
        return output if bias is None else output + (1 - size) * bias.view(-1, *[1] * (output.ndim - 2))


def equalize(model: nn.Module, calibration: Iterable[Inputs], alpha: float, *, level: bool = False) -> None:
    """Equalize the input channels of every convolution, in place, and with `level` its images."""
    largest = _largest_inputs(model, calibration)
    owners = {module.conv: module for module in model.modules() if isinstance(module, ModulatedConv)}
    for name, layer in _convolutions(model).items():
        factors = _factors(largest[name], _largest_weights(layer), alpha)
        with torch.no_grad():
            layer.weight.mul_(_along_inputs(layer, factors))
        owner = owners.get(cast("Any", layer))
        if owner is not None:
            with torch.no_grad():
                owner.affine.weight.div_(factors[:, None])
                owner.affine.bias.div_(factors)
            factors = torch.ones_like(factors)
        if level:
            layer.equalizer = Level(factors)
            layer.register_forward_hook(_restore)
        elif owner is None:
            layer.equalizer = Divide(factors)
        if level or owner is None:
            layer.register_forward_pre_hook(_divide)


def _convolutions(model: nn.Module) -> dict[str, Weighted]:
    return {name: layer for name, layer in weighted(model).items() if not isinstance(layer, nn.Linear)}


def as_read(layer: nn.Module, value: Tensor, like: Tensor | None = None) -> Tensor:
    """What the layer's product reads of its input: divided where the layer divides.

    With `like` [N, ...] images are divided by its sizes instead of their own.
    """
    divide = getattr(layer, "equalizer", None)
    if divide is None:
        return value
    if like is None or not isinstance(divide, Level):
        return cast("Tensor", divide(value))
    divide(like)
    assert divide.size is not None
    return Divide.forward(divide, value) / divide.size


def _divide(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(as_read(layer, value) for value in inputs)


def _restore(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return cast("Level", layer.equalizer).restore(output, cast("Tensor | None", layer.bias))


def _factors(activation: Tensor, weight: Tensor, alpha: float) -> Tensor:
    """k of every channel, with a geometric mean of 1; dead channels keep theirs."""
    alive = (activation > 0) & (weight > 0)
    logs = torch.zeros_like(activation)
    logs[alive] = alpha * activation[alive].log() - (1 - alpha) * weight[alive].log()
    logs[alive] -= logs[alive].mean() if alive.any() else 0.0
    return logs.exp().clamp(1 / _MOST, _MOST)


def _largest_inputs(model: nn.Module, calibration: Iterable[Inputs]) -> dict[str, Tensor]:
    """Largest absolute value of each input channel of each layer over the calibration set."""
    found: dict[str, Tensor] = {}

    def note(name: str, value: Tensor) -> None:
        size = value.detach().abs().transpose(0, 1).flatten(1).amax(1)
        found[name] = torch.maximum(found.get(name, torch.zeros_like(size)), size)

    handles = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: note(name, inputs[0]))
        for name, layer in _convolutions(model).items()
    ]
    try:
        with torch.no_grad():
            for inputs in calibration:
                model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _largest_weights(layer: Weighted) -> Tensor:
    weight = layer.weight.detach().abs()
    if not isinstance(layer, nn.ConvTranspose2d):
        weight = weight.transpose(0, 1)
    return weight.flatten(1).amax(1)


def _along_inputs(layer: Weighted, factors: Tensor) -> Tensor:
    """The factors in a shape that multiplies the weight along its input channels."""
    rest = [1] * (layer.weight.ndim - 2)
    return factors.view(-1, 1, *rest) if isinstance(layer, nn.ConvTranspose2d) else factors.view(1, -1, *rest)
