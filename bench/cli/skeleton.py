"""The adapter that `ganqbench new-adapter` writes: complete, and small enough to be read in a minute."""

SKELETON = '''"""{title}: say in one sentence what this backend is."""

from typing import Any

from ganqbench.adapter import Adapter, Method, Skip
from ganqbench.cell import Cell


class {title}(Adapter):
    """Min-max ranges by plain PyTorch: put calls of your backend in its place (import it in functions)."""

    name = "{name}"
    requires = ()  # the distributions of your backend, as pip knows them
    methods = {{"ptq-minmax": Method("Min-max ranges", "ptq", "Jacob et al. 2018")}}  # noqa: RUF012

    def supports(self, cell: Cell) -> Skip | None:
        """What the backend can't do is a Skip with a sentence that helps."""
        possible = {{cell.bits.weights, cell.bits.activations}} <= set(range(2, 9))
        return None if possible else Skip(f"{title} takes 2 to 8 bits, and {{cell.bits}} is outside of that")

    def quantize(self, generator: Any, calibration: Any, cell: Cell) -> Any:
        """Round the weights in place; calibrate, then round what enters each layer."""
        import torch

        from ganqbench.zoo.layers import MatMul  # a product of attention

        kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear, MatMul)
        layers = [module for module in generator.modules() if isinstance(module, kinds)]
        for layer in layers:
            layer.register_buffer("range", torch.zeros(1 + isinstance(layer, MatMul), 2))
            layer.levels, layer.calibrating = 2**cell.bits.activations - 1, True
            layer.register_forward_pre_hook(round_operands)
            if not isinstance(layer, MatMul):
                weight, outputs = layer.weight.data, int(isinstance(layer, torch.nn.ConvTranspose2d))
                others = [dim for dim in range(weight.ndim) if dim != outputs]  # a step per output channel
                largest = weight.abs().amax(others, keepdim=True).clamp_min(1e-9)
                step = largest / (2 ** (cell.bits.weights - 1) - 1)
                layer.weight.data = (weight / step).round() * step
        with torch.no_grad():
            for inputs in calibration:
                generator(*inputs)
        for layer in layers:
            layer.calibrating = False
        return generator


def round_operands(layer: Any, operands: Any) -> Any:
    """Values on the grids of their ranges, which hold 0; while calibrating, the ranges widen instead."""
    if layer.calibrating:
        for x, limits in zip(operands, layer.range, strict=True):
            limits[0], limits[1] = min(limits[0], x.min()), max(limits[1], x.max())
        return operands
    steps = (layer.range.diff()[:, 0] / layer.levels).clamp_min(1e-9)
    grids = zip(operands, steps, (layer.range[:, 0] / steps).round(), strict=True)
    return tuple((x / step).round().clamp(low, low + layer.levels) * step for x, step, low in grids)
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
