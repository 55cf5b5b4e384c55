"""The bookkeeping of one training run: where it is, its checkpoint, its log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from ganqbench.train.checkpoint import append_log, load_state, save_state


class Stateful(Protocol):
    """Whatever can be saved and restored: modules, optimizers, averages, pools."""

    def state_dict(self) -> Any:
        """A tree of tensors and plain values."""

    def load_state_dict(self, state: Any) -> Any:
        """Restores what :meth:`state_dict` gave."""


SAVE_SECONDS = 180.0
"""How old the last checkpoint of a run may become."""


class OtherConfiguration(ValueError):
    """A checkpoint is that of another run."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__(
            f"{checkpoint} belongs to another configuration or start: "
            "give those it was begun with, or another --out"
        )


class Run:
    """Saves and restores all of a run's parts together, so that a resumed run is the same run.

    ``done`` counts the images (or pairs) trained on, ``best`` is the smallest distance so far.
    """

    def __init__(
        self,
        out: Path,
        config: Mapping[str, object],
        parts: Mapping[str, Stateful],
        rng: torch.Generator,
    ) -> None:
        self.out, self.config, self.parts, self.rng = out, dict(config), parts, rng
        self.done = 0
        self.best = float("inf")
        self._cpu_before = 0.0
        self._cpu_start = time.process_time()
        self._saved = time.monotonic()
        self.checkpoint = out / "checkpoint.pt"

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds spent on this run, earlier processes included."""
        return self._cpu_before + time.process_time() - self._cpu_start

    def resume(self) -> bool:
        """Restores the checkpoint if there is one; raises OtherConfiguration for another run's."""
        if not self.checkpoint.exists():
            return False
        state = load_state(self.checkpoint)
        if state["config"] != self.config:
            raise OtherConfiguration(self.checkpoint)
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        self.rng.set_state(state["rng"])
        torch.set_rng_state(state["torch_rng"])
        self.done, self.best = state["done"], state["best"]
        self._cpu_before = state["cpu_seconds"]
        return True

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        save_state(
            self.checkpoint,
            {
                "config": self.config,
                "parts": {name: part.state_dict() for name, part in self.parts.items()},
                "rng": self.rng.get_state(),
                "torch_rng": torch.get_rng_state(),
                "done": self.done,
                "best": self.best,
                "cpu_seconds": self.cpu_seconds,
            },
        )
        self._saved = time.monotonic()

    def save_if_due(self) -> None:
        """Writes the checkpoint if the last one is older than ``SAVE_SECONDS``."""
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self.save()

    def log(self, **row: object) -> None:
        """Adds a line to ``log.jsonl`` with the run's position."""
        append_log(self.out / "log.jsonl", {"done": self.done, "cpu": self.cpu_seconds, **row})
