"""Seeded latents and classes: item (seed, i) is the same whatever is drawn beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganqbench.errors import unknown_name
from ganqbench.zoo.generator import Inputs, InputSource, Split

# Beyond the seeds of cells and users (below 2**32), so that no split is drawn by accident.
SEEDS: dict[Split, int] = {
    "train": 2**32 + 1,
    "calibrate": 2**32 + 2,
    "choose": 2**32 + 3,
    "final": 2**32 + 4,
}


def draw(seed: int, indices: Iterable[int], z_dim: int, classes: int) -> tuple[Tensor, Tensor]:
    """Standard normal latents [n, z_dim] float32 and uniform classes [n] int64 of these items.

    Every item has a counter-based stream of its own, keyed by (seed, index), so two items never
    share numbers. `classes` 0 gives zeros. `seed` and the indices must lie in 0 .. 2**64 - 1.
    """
    latents, labels = [], []
    for index in indices:
        stream = np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))
        latents.append(stream.standard_normal(z_dim, dtype=np.float32))
        labels.append(int(stream.integers(classes)) if classes else 0)
    stacked = np.stack(latents) if latents else np.empty((0, z_dim), np.float32)
    return torch.from_numpy(stacked), torch.tensor(labels, dtype=torch.int64)


class Latents(InputSource):
    """A split of latents z [n, z_dim] and, with classes, class numbers [n] or one-hot rows [n, classes]."""

    def __init__(self, split: Split, z_dim: int, classes: int = 0, *, one_hot: bool = False) -> None:
        if split not in SEEDS:
            raise unknown_name("split", split, SEEDS)
        self._seed = SEEDS[split]
        self._z_dim = z_dim
        self._classes = classes
        self._one_hot = one_hot
        self.identity = f"latents-v1:seed={self._seed},z={z_dim},classes={classes}"

    def batch(self, indices: Sequence[int]) -> Inputs:
        """Inputs of these items."""
        z, labels = draw(self._seed, indices, self._z_dim, self._classes)
        if not self._classes:
            return (z,)
        return z, F.one_hot(labels, self._classes).float() if self._one_hot else labels

    def cluster(self, index: int) -> str:
        """Every latent is independent of the others."""
        return f"latent-{index}"
