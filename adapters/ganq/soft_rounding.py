"""AdaRound's relaxation of the choice between rounding up and down (Nagel et al. 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.grids import Grid

ZETA, GAMMA = 1.1, -0.1
"""Ends of the stretched sigmoid (eq. 23)."""


def rectified_sigmoid(logits: Tensor) -> Tensor:
    """h(V): how far each weight is rounded up, 0 to 1, both of which finite logits reach (eq. 23)."""
    return (logits.sigmoid() * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


def undecided(up: Tensor, beta: float) -> Tensor:
    """The regularizer 1 - |2 h - 1|^beta of each weight: 0 where it is decided (eq. 24)."""
    return 1 - (2 * up - 1).abs().pow(beta)


class SoftRounding(nn.Module):
    """Weights of which each is rounded up by a learned share of a step, starting where it was (eq. 22).

    `weight` and `grid` are fixed; parametrizes a weight while it is learned.
    """

    floor: Tensor
    step: Tensor

    def __init__(self, weight: Tensor, grid: Grid) -> None:
        super().__init__()
        scaled = weight.detach() / grid.step
        self.register_buffer("floor", scaled.floor())
        self.register_buffer("step", grid.step.clone())
        self.low, self.high = grid.low, grid.high
        share = (scaled - self.floor - GAMMA) / (ZETA - GAMMA)
        self.logits = nn.Parameter((share / (1 - share)).log())

    def forward(self, original: Tensor) -> Tensor:
        """The softly rounded weights; the argument, which a parametrization passes on, has no part in it."""
        return self.at(self.up())

    def up(self) -> Tensor:
        """How far each weight is rounded up."""
        return rectified_sigmoid(self.logits)

    def decided(self) -> Tensor:
        """Each weight on the level that it is closer to."""
        return self.at((self.up() >= 0.5).float()).detach()

    def at(self, up: Tensor) -> Tensor:
        """The weights, each rounded up by these shares."""
        return (self.floor + up).clamp(self.low, self.high) * self.step


class Annealing:
    """The weight and the exponent of the regularizer over the course of an optimization.

    Nothing for the first fifth, so that the weights settle; then the exponent falls from 20 to 2,
    by which the choice is made from the ends of the range inwards (section 3.2, appendix).
    """

    def __init__(self, iterations: int, *, strength: float = 4.0) -> None:
        self.warm_up = iterations // 5
        self.rest = max(1, iterations - self.warm_up)
        self.strength = strength

    def penalty(self, iteration: int, ups: list[Tensor]) -> Tensor:
        """What to add to a loss that is relative to that of rounding to nearest.

        The mean over all weights, since such a loss moves per weight as much as their number divides it.
        """
        if iteration < self.warm_up:
            return torch.zeros([])
        progress = (iteration - self.warm_up) / self.rest
        beta = 2 + 9 * (1 + math.cos(math.pi * progress))
        count = sum(up.numel() for up in ups)
        return torch.stack([undecided(up, beta).sum() for up in ups]).sum() * (self.strength / count)
