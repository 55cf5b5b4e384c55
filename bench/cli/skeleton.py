"""The adapter that `ganqbench new-adapter` writes: complete, and small enough to be read in a minute."""

SKELETON = '''"""{title}: say in one sentence what this backend is."""

from typing import Any

from ganqbench.adapter import Adapter, Method, Skip
from ganqbench.cell import Cell


class {title}(Adapter):
    """Min-max ranges by plain PyTorch: put calls of your backend in its place (import it in functions)."""

    name = "{name}"
    requires = ()  # the distributions of your backend, as pip knows them
    methods = {{  # noqa: RUF012
        "ptq-minmax": Method("Min-max ranges", "ptq", "Jacob et al. 2018 (arXiv 1712.05877)"),
    }}

    def supports(self, cell: Cell) -> Skip | None:
        """What the backend can't do is a Skip with a sentence that helps."""
        if 2 <= cell.bits.weights <= 8 and 2 <= cell.bits.activations <= 8:
            return None
        return Skip(f"{title} takes weights and activations to 2..8 bits: {{cell.bits}} is outside of that")

    def quantize(self, generator: Any, calibration: Any, cell: Cell) -> Any:
        """Round the weights in place; calibrate, then round what enters each layer."""
        import torch
        from torch import nn

        from ganqbench.zoo.layers import MatMul

        layers = [m for m in generator.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
        products = [m for m in generator.modules() if isinstance(m, MatMul)]  # attention's
        for layer in layers:
            dims = [d for d in range(layer.weight.ndim) if d != isinstance(layer, nn.ConvTranspose2d)]
            weight, top = layer.weight.detach(), 2 ** (cell.bits.weights - 1) - 1
            step = weight.abs().amax(dims, keepdim=True).clamp_min(1e-9) / top
            layer.weight.data = (weight / step).round() * step
        for module in [*layers, *products]:
            module.levels = 2**cell.bits.activations - 1
            module.register_buffer("range", torch.zeros(2 if module in products else 1, 2))
        hooks = [module.register_forward_pre_hook(observe) for module in [*layers, *products]]
        with torch.no_grad():
            for inputs in calibration:
                generator(*inputs)
        for module, hook in zip([*layers, *products], hooks, strict=True):
            hook.remove()
            module.register_forward_pre_hook(round_operands)
        return generator


def observe(module: Any, operands: Any) -> None:
    """Widen the ranges to what is seen; they always hold 0."""
    for value, limits in zip(operands, module.range, strict=True):
        limits[0], limits[1] = min(limits[0], value.min()), max(limits[1], value.max())


def round_operands(module: Any, operands: Any) -> Any:
    """The inputs of a layer or product on the grids of their ranges."""
    step = ((module.range[:, 1] - module.range[:, 0]) / module.levels).clamp_min(1e-9)
    low = (module.range[:, 0] / step).round()
    grids = zip(operands, step, low, strict=True)
    return tuple((x / s).round().clamp(z, z + module.levels) * s for x, s, z in grids)
'''

DISTRIBUTION = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "ganqbench-{dashed}"
version = "0.1"
dependencies = ["ganqbench"]

[project.entry-points."ganqbench.adapters"]
{name} = "{name}:{title}"

[tool.setuptools]
py-modules = ["{name}"]
"""
