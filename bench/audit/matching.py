"""Lay the products of the quantized module beside those of the full-precision reference.

Products are matched by signature (form, shapes of weight and result), in the order in which
they run. Classes and module names of the quantized side play no part. A site of the reference
for which the module has no product of that signature is *missing*: computing it by unfold,
or outside torch, hides it from the numerator and not from the denominator.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ganqbench.audit.account import Observation, Run
from ganqbench.audit.operands import bit_width

Pair = tuple[int | None, int | None]
"""Index of the reference's product, index of the module's product."""


def match(reference: Run, module: Run) -> list[Pair]:
    """Pairs in the reference's order, missing products included, then the module's extra ones.

    Where the module has more products of a signature than the reference, the most expensive
    ones are taken, so a quantized decoy beside a full-precision product covers nothing. A
    product whose result never reaches the images is taken only where the reference has such
    a one too.
    """
    sites = _by_signature(reference.observations)
    products = _by_signature(module.observations)
    taken: dict[int, int] = {}
    for signature, wanted in sites.items():
        idle = sum(site not in reference.reached for site in wanted)
        dead = [i for i in products[signature] if i not in module.reached][:idle]
        found = [i for i in products[signature] if i in module.reached or i in dead]
        costly = sorted(found, key=lambda i: -cost(module.observations[i]))[: len(wanted)]
        taken.update(zip(wanted, sorted(costly), strict=False))
    pairs: list[Pair] = [(site, taken.get(site)) for site in range(len(reference.observations))]
    used = set(taken.values())
    return pairs + [(None, i) for i in range(len(module.observations)) if i not in used]


def cost(observation: Observation) -> int:
    """Bit operations per multiply-accumulate: weight bits x activation bits as measured."""
    return bit_width(observation.weight.levels) * bit_width(observation.activation.levels)


def site_names(observations: list[Observation]) -> list[str]:
    """A name for every product: its module's path, with `#2`, `#3` ... for a module's further ones."""
    seen: defaultdict[str, int] = defaultdict(int)
    names = []
    for observation in observations:
        seen[observation.path] += 1
        suffix = f"#{seen[observation.path]}" if seen[observation.path] > 1 else ""
        names.append(observation.path + suffix)
    return names


def _by_signature(observations: list[Observation]) -> defaultdict[tuple[Any, ...], list[int]]:
    found: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for index, observation in enumerate(observations):
        found[observation.signature].append(index)
    return found
