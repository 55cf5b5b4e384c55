"""Which operands of a network's products are ever negative, and what to do with the others."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganqbench.zoo.generator import Inputs
from ganqbench.zoo.layers import MatMul

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def negative_operands(model: nn.Module, calibration: Iterable[Inputs]) -> frozenset[tuple[str, int]]:
    """(module name, position) of the layers' and products' inputs that were below zero somewhere.

    A symmetric grid would waste half of its levels on the others, as after a ReLU.
    """
    found: set[tuple[str, int]] = set()

    def note(name: str, operands: tuple[Tensor, ...]) -> None:
        found.update((name, place) for place, operand in enumerate(operands) if operand.min() < 0)

    hooks = [
        module.register_forward_pre_hook(lambda _, operands, name=name: note(name, operands))
        for name, module in model.named_modules()
        if isinstance(module, (*LAYERS, MatMul))
    ]
    with torch.no_grad():
        for inputs in calibration:
            model(*inputs)
    for hook in hooks:
        hook.remove()
    return frozenset(found)


def saturate(quantizer: nn.Module, operands: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """A forward pre-hook: values below an unsigned range become 0; NVIDIA's toolkits raise there."""
    return (operands[0].clamp_min(0), *operands[1:])
