"""The parts of a generator that are reconstructed one after the other."""

from __future__ import annotations

from torch import nn

from ganqbench.adapters.ganq.calibrate import observe
from ganqbench.adapters.ganq.products import weighted
from ganqbench.zoo.generator import Generator, Inputs


def layers_in_order(model: nn.Module, example: Inputs) -> tuple[str, ...]:
    """Names of the layers with a weight, in the order in which they run."""
    names = dict.fromkeys(name for name, _ in observe(model, [example], with_counts=False))
    return tuple(name for name in names if name in weighted(model))


def blocks_in_order(model: nn.Module, example: Inputs) -> tuple[str, ...]:
    """Names of modules that hold each product once, in the order in which they begin to run.

    They are the generator's `reconstructed` ones, and the layers outside of them.
    """
    blocks = model.reconstructed if isinstance(model, Generator) else frozenset()
    modules = dict(model.named_modules())
    owners: dict[str, None] = {}
    for name, _ in observe(model, [example], with_counts=False):
        parts = name.split(".")
        ancestors = (".".join(parts[: depth + 1]) for depth in range(len(parts)))
        owner = next((path for path in ancestors if type(modules[path]).__name__ in blocks), name)
        owners[owner] = None
    return tuple(owner for owner in owners if weighted(modules[owner]))
