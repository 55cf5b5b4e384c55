"""Seeded latents and classes: item (seed, i) is the same whatever is drawn beside it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


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
