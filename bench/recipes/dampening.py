"""Oscillation dampening (Nagel et al. 2022, arXiv 2203.11086, section 4.2).

Weights trained straight through their rounding come to rest at the edges between two levels and hop
between them. A pull towards the level that a weight is rounded to, which grows in the course of
training, keeps them off the edges.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganqbench.recipes.recipe import Inapplicable


def rounded_weights(student: nn.Module) -> dict[str, nn.Module]:
    """The modules whose `weight` is a parametrization of a trainable one, by name.

    Raises Inapplicable where there is none: the term would silently be nothing.
    """
    found = {
        name: module
        for name, module in student.named_modules()
        if parametrize.is_parametrized(module, "weight") and _latent(module).requires_grad
    }
    if not found:
        raise Inapplicable(
            "Dampening needs weights that are rounded by a parametrization, as adapter ganq's are; "
            "choose a recipe without it."
        )
    return found


def distance_to_levels(modules: dict[str, nn.Module], weight_bits: int) -> Tensor:
    """Mean squared distance of weights to their rounded values, a scalar.

    In units of a grid over four standard deviations at `weight_bits`, so that evenly spread weights
    are at about 1/12. The rounded values are held fixed.
    """
    terms = []
    for module in modules.values():
        latent = _latent(module)
        step = latent.detach().square().mean().sqrt().clamp_min(1e-12) * 8 / 2**weight_bits
        weight = module.weight
        assert isinstance(weight, Tensor)
        terms.append(((latent - weight.detach()) / step).square().mean())
    return torch.stack(terms).mean()


def _latent(module: nn.Module) -> Tensor:
    parametrizations = module.parametrizations
    assert isinstance(parametrizations, nn.ModuleDict)
    original = parametrizations["weight"].original
    assert isinstance(original, Tensor)
    return original
