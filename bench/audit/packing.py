"""Size of the model as the audit found it, when stored with as few bits as its values need."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn

from ganqbench.audit.account import Observation, Run
from ganqbench.audit.matching import Pair
from ganqbench.audit.operands import bit_width

SCALE_BYTES = 8
"""A float32 scale and a float32 zero point per scale group."""


def packed_bytes(
    reference: nn.Module, plan: Run, run: Run, pairs: list[Pair], exempt: Collection[int]
) -> int:
    """Bytes of weights at their measured widths, of their scales, and of all else at 4 bytes.

    Weights used by several products count once. Parameters and buffers of the reference that
    are no product's weight (biases, norms, embeddings) and the weights of missing products
    take 4 bytes a value, a static activation grid one scale group; weights of extra products
    come on top. Not so the sites `exempt` of the reference: what they multiply by is a buffer of its
    (FIR filters) or follows from weights (demodulation).
    """
    total = 0
    planned: dict[tuple[Any, ...], int] = {}
    packed: dict[tuple[Any, ...], int] = {}
    for site, product in pairs:
        if site in exempt:
            continue
        seen = None if product is None else run.observations[product]
        if site is not None and plan.observations[site].has_weight:
            one = plan.observations[site]
            planned[one.identity] = one.weight_count
            if seen is None:
                packed[("missing", *one.identity)] = 4 * one.weight_count
        if seen is not None:
            if seen.has_weight:
                packed[seen.identity] = _weight_bytes(seen)
            judged = [seen.activation] if seen.has_weight else [seen.activation, seen.weight]
            total += sum(SCALE_BYTES for one in judged if one.levels is not None and one.static)
    stored = sum(int(value.numel()) for value in reference.state_dict().values())
    rest = max(0, stored - sum(planned.values()))
    return total + sum(packed.values()) + 4 * rest


def _weight_bytes(seen: Observation) -> int:
    if seen.weight.levels is None:
        return 4 * seen.weight_count
    return -(-bit_width(seen.weight.levels) * seen.weight_count // 8) + SCALE_BYTES * seen.weight.groups
