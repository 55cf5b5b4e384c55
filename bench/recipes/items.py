"""The inputs that a recipe sees: random ones of split `train`, fixed ones of split `choose`."""

from __future__ import annotations

from collections.abc import Iterator, Sized

import torch

from ganqbench.zoo.generator import Inputs, InputSource

_VALUES = 2**17
"""Image values per batch at most: 32 images of 32 pixels, 10 of 64, one of 148 or more."""
_ENDLESS = 2**31


def batch_size(wanted: int, resolution: int) -> int:
    """At most `wanted` items of `resolution` pixels, fewer where they are large."""
    return max(1, min(wanted, _VALUES // (3 * resolution**2)))


def random_batches(
    source: InputSource, size: int, rng: torch.Generator, device: torch.device
) -> Iterator[Inputs]:
    """Random items for ever, on `device`; `rng` is one of the processor, so that devices draw the same."""
    length = _length(source)
    while True:
        drawn = torch.randint(length, (size,), generator=rng)
        yield _moved(source.batch(drawn.tolist()), device)


def first_batches(source: InputSource, size: int, items: int, device: torch.device) -> Iterator[Inputs]:
    """The first `items` of a split, or all there are, in whole batches on `device`."""
    whole = max(1, min(items, _length(source)) // size)
    for first in range(0, whole * size, size):
        yield _moved(source.batch(range(first, first + size)), device)


def _moved(inputs: Inputs, device: torch.device) -> Inputs:
    return tuple(value.to(device) for value in inputs)


def _length(source: InputSource) -> int:
    return len(source) if isinstance(source, Sized) else _ENDLESS
