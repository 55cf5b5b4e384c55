"""The exponential average of a module's trainable parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """Follows the trainable parameters of `model` with a decay that grows from 0 to `decay`."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = [value for value in model.parameters() if value.requires_grad]
        self.values = [value.detach().clone() for value in self._live]
        self._updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the parameters as they are now."""
        self._updates += 1
        keep = min(self.decay, self._updates / (10 + self._updates))
        for mean, value in zip(self.values, self._live, strict=True):
            mean.lerp_(value, 1 - keep)

    @torch.no_grad()
    def load(self, values: list[Tensor]) -> None:
        """Set the model's parameters."""
        for value, new in zip(self._live, values, strict=True):
            value.copy_(new)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model with the average in place of its parameters."""
        before = [value.detach().clone() for value in self._live]
        self.load(self.values)
        try:
            yield
        finally:
            self.load(before)

    def state_dict(self) -> dict[str, object]:
        """Everything :meth:`load_state_dict` needs."""
        return {"values": self.values, "updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        saved = zip(state["values"], self._live, strict=True)
        self.values = [value.to(live.device) for value, live in saved]
        self._updates = state["updates"]
