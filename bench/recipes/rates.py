"""Which parameter may move how far in one step."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from ganqbench.recipes.recipe import Recipe

_NEW = 1e-2
"""Size taken for parameters that are zero, as new biases are."""


def parameter_groups(
    student: nn.Module, teacher: nn.Module, recipe: Recipe, weight_bits: int
) -> Iterator[dict[str, object]]:
    """A group per trainable parameter for Adam, whose step is about its rate.

    Weights are recognised by a shape that the full-precision generator has too; what it has not got
    at all belongs to a quantizer.
    """
    matrices = {tuple(value.shape) for value in teacher.parameters() if value.ndim > 1}
    vectors = {tuple(value.shape) for value in teacher.parameters() if value.ndim <= 1}
    for parameter in student.parameters():
        if not parameter.requires_grad or not parameter.is_floating_point():
            continue
        shape = tuple(parameter.shape)
        if shape in matrices:
            rate = recipe.weight_rate * 8 / 2**weight_bits
        elif shape in vectors and len(shape) == 1 and shape[0] > 1:
            rate = recipe.other_rate
        else:
            rate = recipe.quantizer_rate
        yield {"params": [parameter], "lr": rate * _size(parameter)}


def _size(parameter: Tensor) -> float:
    """Root mean square; steps of an 8-bit grid are small and no less a size for that."""
    size = float(parameter.detach().square().mean().sqrt())
    return size if size > 0 else _NEW
