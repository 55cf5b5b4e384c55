"""Norm statistics of a quantized generator, moved by what quantization did to them.

A batch norm keeps the mean and variance that its input had in training. Quantization shifts them, and
what the norm passes on is no longer centred. Re-estimating them from the student alone would also bring
in that running averages never were the statistics of the averaged weights, and so leave the teacher;
instead they move so that the student's input, once normalised, has the moments of the teacher's. (That
norms are re-estimated after quantization is from Sun et al. 2019, "Hybrid 8-bit floating point training".)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganqbench.recipes.recipe import Inapplicable
from ganqbench.zoo.generator import Inputs


class _Sums(NamedTuple):
    items: Tensor
    first: Tensor
    second: Tensor


def restate_norms(student: nn.Module, teacher: nn.Module, batches: Iterable[Inputs]) -> int:
    """Move the running statistics of the student's batch norms, in place; returns how many there were.

    Norms are matched by name. In the order of the generator, so that each sees what those before it now
    give; every norm takes one pass over `batches`. Raises Inapplicable where there is none: nothing
    would be moved, and the recipe would silently be another one.
    """
    own, theirs = _norms(student), _norms(teacher)
    names = [name for name in own if name in theirs]
    if not names:
        raise Inapplicable(
            "The quantized generator has no batch norm whose running statistics could be moved; "
            "choose recipe distill, which is this one without that step."
        )
    kept = list(batches)
    wanted = _statistics(teacher, theirs, kept)
    for name in names:
        mean, variance = _statistics(student, {name: own[name]}, kept)[name]
        goal_mean, goal_variance = wanted[name]
        norm, origin = own[name], theirs[name]
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert origin.running_mean is not None
        assert origin.running_var is not None
        ratio = variance / goal_variance.clamp_min(1e-12)
        norm.running_mean.copy_(mean - ratio.sqrt() * (goal_mean - origin.running_mean))
        norm.running_var.copy_(origin.running_var * ratio)
    return len(names)


def _norms(model: nn.Module) -> dict[str, _BatchNorm]:
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    }


def _statistics(
    model: nn.Module, norms: dict[str, _BatchNorm], batches: list[Inputs]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and variance [C] of each norm's input over all batches, in double precision inside."""
    with _watched(norms) as sums, torch.inference_mode():
        for inputs in batches:
            model(*inputs)
    found = {}
    for name, (count, first, second) in sums.items():
        mean = first / count
        found[name] = (mean.float(), (second / count - mean.square()).clamp_min(0).float())
    return found


@contextmanager
def _watched(norms: dict[str, _BatchNorm]) -> Iterator[dict[str, _Sums]]:
    sums: dict[str, _Sums] = {}

    def note(name: str, value: Tensor) -> None:
        rows = value.detach().double().transpose(0, 1).flatten(1)
        items = torch.tensor(float(rows.shape[1]), device=rows.device)
        new = _Sums(items, rows.sum(dim=1), rows.square().sum(dim=1))
        old = sums.get(name)
        sums[name] = new if old is None else _Sums(*(a + b for a, b in zip(old, new, strict=True)))

    handles = [
        norm.register_forward_pre_hook(lambda _module, inputs, name=name: note(name, inputs[0]))
        for name, norm in norms.items()
    ]
    try:
        yield sums
    finally:
        for handle in handles:
            handle.remove()
