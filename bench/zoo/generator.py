"""What every generator and every zoo entry looks like from outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

Inputs = tuple[Tensor, ...]
Split = Literal["train", "calibrate", "choose", "final"]
SPLITS: tuple[Split, ...] = ("train", "calibrate", "choose", "final")


class Generator(nn.Module):
    """`images = generator(*inputs)`: float32, N x 3 x H x W in [-1, 1]."""

    reconstructed: ClassVar[frozenset[str]] = frozenset()
    """Classes of its modules whose layers are reconstructed together (the blocks of BRECQ, section 3.2);
    every other layer is a block by itself."""
    compared: ClassVar[frozenset[str]] = frozenset()
    """Classes of its modules whose outputs, one tensor each, recipes compare with full precision's."""

    def sample_inputs(self, n: int, seed: int) -> Inputs:
        """`n` seeded inputs; input i depends on `seed` and i alone, not on `n`."""
        raise TypeError(f"{type(self).__name__} translates images: take its inputs from the zoo entry")

    def exempt_modules(self) -> frozenset[str]:
        """Names of modules whose own products are no layers: fixed filters and demodulation.

        Their children's products count as any other. No method can add to this set.
        """
        return frozenset()


class InputSource(ABC):
    """A split of a GAN's inputs: item i is the same for every method, machine and batch size."""

    identity: str
    """What the items are (files with hashes, or seeds), part of every metric's identity."""

    @abstractmethod
    def batch(self, indices: Sequence[int]) -> Inputs:
        """Inputs of these items, stacked along dimension 0."""

    @abstractmethod
    def cluster(self, index: int) -> str:
        """The independent unit that item `index` belongs to: its photograph, glyph or latent."""


@dataclass(frozen=True)
class Batches:
    """Items `start` .. `start + n - 1` of a source in fixed batches; may be iterated again and again."""

    source: InputSource
    n: int
    size: int
    start: int = 0

    def indices(self) -> Iterator[range]:
        """Item numbers of each batch; the last one may be shorter."""
        stop = self.start + self.n
        for first in range(self.start, stop, self.size):
            yield range(first, min(first + self.size, stop))

    def __iter__(self) -> Iterator[Inputs]:
        return (self.source.batch(indices) for indices in self.indices())


class ZooEntry(ABC):
    """Architecture + weights + inputs of one GAN."""

    name: str
    title: str
    arch: str
    resolution: int
    """Height and width in pixels that the model was made for."""
    ranked: bool = False
    domain: str | None = None
    """What the images should look like: the name of the reference that distances are taken to."""
    requires: tuple[str, ...] = ()
    """Distributions whose files the entry reads."""
    licence: str

    @property
    @abstractmethod
    def weights_sha256(self) -> str:
        """SHA-256 of the weights' file; empty for an unpinned one before `prepare`."""

    def prepare(self, *, offline: bool = False) -> None:  # noqa: B027  nothing to fetch for most
        """Fetches what `load` reads, if it is not here; UserError if that would break `offline`."""

    @abstractmethod
    def load(self) -> Generator:
        """The generator in eval mode with hash-checked weights."""

    @abstractmethod
    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Inputs of one split; splits are disjoint. Raises UserError for a size the GAN can't take."""


def to_uint8(images: Tensor) -> Tensor:
    """Images in [-1, 1] as uint8, rounded to nearest and clamped (N x 3 x H x W kept)."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
