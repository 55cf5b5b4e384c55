"""A running average of a generator, which is what ships."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


class Ema:
    """Averages a generator's state; early on over a shorter past, so that the start is forgotten.

    ``deployed`` gives the state to average from the generator in training. With spectral norm it
    folds the weights first: the average of ``W / sigma(W)`` is a weight, that of the power
    iteration's vectors is not one.
    """

    def __init__(
        self,
        average: nn.Module,
        deployed: Callable[[nn.Module], Mapping[str, Tensor]],
        decay: float,
    ) -> None:
        self.average = copy.deepcopy(average).eval().requires_grad_(False)
        self.deployed = deployed
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, generator: nn.Module, decay: float | None = None) -> None:
        """Moves every weight and float buffer towards ``generator``'s."""
        self.updates += 1
        keep = min(self.decay if decay is None else decay, (1 + self.updates) / (10 + self.updates))
        source = self.deployed(generator)
        for name, value in self.average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(source[name], 1 - keep)
            else:
                value.copy_(source[name])

    def state_dict(self) -> dict[str, object]:
        """Everything :meth:`load_state_dict` needs."""
        return {"average": self.average.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Restores what :meth:`state_dict` gave."""
        self.average.load_state_dict(state["average"])  # type: ignore[arg-type]
        self.updates = int(state["updates"])  # type: ignore[call-overload]
