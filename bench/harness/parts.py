"""A cell's evaluation in parts: which items each one takes, and how parts become one again.

A part is a whole number of the suite's batches, so every image is made in the same batch as without
parts. What parts hold merges exactly: the numbers are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganqbench.audit import AuditReport
from ganqbench.harness.baselines import Array, array_hash
from ganqbench.harness.evaluate import Evaluation
from ganqbench.metrics.interval import Estimate
from ganqbench.recipes.fine_tune import Trained
from ganqbench.zoo.generator import Batches

FILES = ("part-evaluation.npz", "part-shown.npy", "part-baseline-features.npy")
"""What :meth:`MeasuredPart.save` writes; the last one only where there is a feature network."""


class PartsDiffer(Exception):
    """Parts that were not measured on one and the same quantized generator; the message says how."""


@dataclass(frozen=True)
class Part:
    """Number `number` of `count` about equal parts of a cell's evaluation items."""

    number: int = 0
    count: int = 1

    @property
    def name(self) -> str:
        """For the cache of full-precision images; empty for the whole."""
        return f" {self.number + 1} of {self.count}" if self.count > 1 else ""

    def of(self, items: Batches) -> Batches:
        """The items of this part; ValueError where there are fewer batches than parts."""
        batches = -(-items.n // items.size)
        if not 0 <= self.number < self.count <= batches:
            raise ValueError(f"there is no part{self.name} of {batches} batches")
        first, last = (
            min(batches * edge // self.count * items.size, items.n) for edge in (self.number, self.number + 1)
        )
        return Batches(items.source, last - first, items.size, items.start + first)


@dataclass(frozen=True)
class MeasuredPart:
    """What one part of a cell's evaluation gave."""

    evaluation: Evaluation
    baseline_features: Array | None
    """Features of the part's full-precision images, ``[N, d]``."""
    shown: Tensor
    """uint8, those of the first evaluation items that are in this part."""
    images: tuple[str, ...]
    """Hash of each batch of the part's full-precision images."""
    audited: str
    """Hash of the images that the audit saw, which are the same for every part."""
    report: AuditReport
    """What the audit found, in every part the same."""
    trained: Trained | None
    """What came of the cell's recipe, if it has one."""

    def save(self, folder: Path) -> None:
        """Write all but hashes and audit as files for :func:`load_part`."""
        evaluation, shown, features = (folder / name for name in FILES)
        self.evaluation.save(evaluation)
        np.save(shown, self.shown.numpy(), allow_pickle=False)
        if self.baseline_features is not None:
            np.save(features, np.asarray(self.baseline_features), allow_pickle=False)


@dataclass(frozen=True)
class Whole:
    """A cell's evaluation, complete."""

    metrics: dict[str, Estimate]
    identities: dict[str, str]
    """Of the metrics in a feature space: what they are distances of."""
    shown: Tensor
    """uint8, the first evaluation items, N x 3 x H x W."""
    baseline_images: str
    """Hash of the full-precision images that the others are paired to."""


def whole(
    evaluation: Evaluation,
    features: Sequence[Array | None],
    shown: Sequence[Tensor],
    images: Sequence[str],
    *,
    is_baseline: bool,
) -> Whole:
    """The numbers of a complete evaluation; `features`, `shown` and `images` in the order of its parts."""
    known = [each for each in features if each is not None]
    if not is_baseline and not evaluation.complete:
        raise PartsDiffer("The cell's parts don't hold all of its items.")
    rows = None if not known else known[0] if len(known) == 1 else np.concatenate(known)
    metrics = evaluation.of_baseline(rows) if is_baseline else evaluation.of_quantized(rows)
    digest = new_sha256("".join(images).encode()).hexdigest()
    return Whole(metrics, evaluation.identities(metrics), torch.cat(list(shown)), f"sha256:{digest}")


def load_part(folder: Path, evaluation: Evaluation) -> tuple[Array | None, Tensor]:
    """Add what :meth:`MeasuredPart.save` wrote to `evaluation`; returns features and shown images."""
    saved, shown, features = (folder / name for name in FILES)
    evaluation.merge(saved)
    rows = np.load(features, allow_pickle=False) if features.is_file() else None
    return rows, torch.from_numpy(np.load(shown, allow_pickle=False))


def batch_hashes(images: Array, items: Batches) -> tuple[str, ...]:
    """Hash of each batch of a part's images."""
    edges = [(part.start - items.start, part.stop - items.start) for part in items.indices()]
    return tuple(array_hash(images[start:stop]) for start, stop in edges)
