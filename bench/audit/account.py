"""What one watched run of a module did, and each of its products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ganqbench.audit.operands import Judgement
from ganqbench.audit.products import Kind


@dataclass(frozen=True)
class Observation:
    """One product of one run: where (module path), what, and how its operands were judged.

    `weight` judges the operand that the input can't change, or the right one where both are
    activations (`kind` "matmul"); `identity` tells weights apart, to count shared ones once.
    """

    path: str
    kind: Kind
    signature: tuple[Any, ...]
    macs: int
    weight: Judgement
    activation: Judgement
    weight_count: int
    identity: tuple[Any, ...]

    @property
    def has_weight(self) -> bool:
        """Whether one of the operands is a weight."""
        return self.kind not in ("matmul", "attention")


@dataclass
class Run:
    """What one forward pass did.

    `reached` holds the indices of the products that the images depend on; `seen` is whether
    the images came out of an operation that the inputs reach; `work` counts values touched by
    other operations on activations, `operands` the values of activations fed to products.
    """

    images: Tensor
    observations: list[Observation]
    reached: frozenset[int]
    seen: bool
    opaque: Counter[str]
    work: int
    operands: int
    leaves: Mapping[bytes, int]
    numbers: Counter[str]
    tampered: frozenset[str]
