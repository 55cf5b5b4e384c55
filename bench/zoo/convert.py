"""Filling a generator from a checkpoint's state: renamed keys, constant factors, nothing else."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from reprlib import repr as short
from typing import Any

import torch
from torch import Tensor

from ganqbench.errors import UserError
from ganqbench.zoo.generator import Generator

State = Mapping[str, Tensor]
_SHOWN = 12  # keys listed in one error


@dataclass(frozen=True)
class Source:
    """Where a parameter comes from: the checkpoint's key, and what is done to the tensor there."""

    key: str
    scale: float = 1.0
    transpose: bool = False
    """Swap the first two dimensions (input and output channels)."""
    optional: bool = False
    """Take zeros if the checkpoint has none."""


def listed(keys: Iterable[str]) -> str:
    """Sorted keys for a message, cut to a readable number."""
    ordered = sorted(keys)
    rest = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(ordered[:_SHOWN]) + rest


def missing_keys(keys: Iterable[str], arch: str) -> UserError:
    """The error for keys that an architecture needs and a state lacks."""
    return UserError(
        f"The state lacks keys of {arch}: {listed(keys)}.",
        "Pass the generator's whole state_dict, with its official key names.",
    )


def shape(state: State, key: str, rank: int, arch: str) -> tuple[int, ...]:
    """Shape of the tensor at `key`, which must have `rank` dimensions, all of them positive."""
    if key not in state:
        raise missing_keys([key], arch)
    found = tuple(state[key].shape)
    if len(found) != rank or 0 in found:
        raise UserError(
            f"{key} has shape {list(found)}, and {arch} has {rank} dimensions there.",
            "Pass a state_dict of that architecture.",
        )
    return found


def told(kwargs: Mapping[str, Any], name: str, by_shapes: object) -> None:
    """Checks an official argument against what the state's shapes say; absent is fine."""
    if name in kwargs and kwargs[name] != by_shapes:
        raise UserError(
            f"Argument {name}={short(kwargs[name])} contradicts the state, whose shapes say {by_shapes!r}.",
            "Leave it out, or pass the state that belongs to it.",
        )


def known_arguments(kwargs: Mapping[str, Any], known: Collection[str], arch: str) -> None:
    """Raises UserError for arguments that the official constructor does not have."""
    for name in kwargs:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."
            raise UserError(f"{arch} has no argument {name!r}.", hint)


def section(kwargs: Mapping[str, Any], name: str, known: Collection[str], arch: str) -> dict[str, Any]:
    """The arguments inside argument `name`, none if it is absent; UserError for unknown ones."""
    inner = kwargs.get(name)
    if inner is not None and not isinstance(inner, Mapping):
        raise UserError(f"Argument {name} of {arch} is {short(inner)}.", "Pass a mapping of names to values.")
    known_arguments(inner or {}, known, f"{arch} {name}")
    return dict(inner or {})


def positive(kwargs: Mapping[str, Any], name: str) -> float | None:
    """The number at `name`, None if it is absent or None; UserError if it is none above zero."""
    value = kwargs.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise UserError(
            f"Argument {name}={short(value)} is no positive number.", "Leave it out, or correct it."
        )
    return value


def fill(
    generator: Generator, state: State, sources: Mapping[str, Source], ignored: Collection[str], arch: str
) -> Generator:
    """Loads `state` into `generator` in eval mode; `sources` says where each of its own keys is found.

    The generator is one of shapes alone (built under `torch.device("meta")`), which spares initial
    values that nobody will see. `ignored` are keys of the checkpoint without a counterpart here.
    Raises UserError listing the missing keys, the extra ones, or the tensors of a wrong shape.
    """
    used = {source.key for source in sources.values()}
    missing = {source.key for source in sources.values() if not source.optional} - set(state)
    if missing:
        raise missing_keys(missing, arch)
    extra = set(state) - used - set(ignored)
    if extra:
        raise UserError(
            f"The state has keys that {arch} does not know: {listed(extra)}.",
            "Pass the state_dict of the generator alone, or name another architecture.",
        )
    own, wrong = {}, []
    for name, target in generator.state_dict().items():
        source = sources[name]
        if source.key not in state:
            own[name] = torch.zeros(target.shape, dtype=target.dtype)
            continue
        tensor = state[source.key].detach()
        expected = list(target.shape)
        if source.transpose:
            expected[:2] = reversed(expected[:2])
        if list(tensor.shape) != expected:
            wrong.append(f"{source.key} has shape {list(tensor.shape)}, expected {expected}")
            continue
        if fault := _unusable(tensor, target):
            wrong.append(f"{source.key} {fault}")
            continue
        own[name] = _acting(tensor, source).to(target.dtype, copy=True)
    if wrong:
        raise UserError(
            f"The state does not fit {arch}: {'; '.join(wrong[:_SHOWN])}.",
            "Pass a state_dict whose tensors belong together, and its own constructor arguments.",
        )
    generator.load_state_dict(own, assign=True)
    return generator.eval()


def _unusable(tensor: Tensor, target: Tensor) -> str:
    """What is wrong with a tensor's numbers, or nothing."""
    if tensor.is_floating_point() != target.is_floating_point():
        return f"holds {str(tensor.dtype).removeprefix('torch.')}, expected floating-point numbers"
    if tensor.is_floating_point() and not tensor.float().isfinite().all():
        return "holds values that are not finite"
    return ""


def _acting(tensor: Tensor, source: Source) -> Tensor:
    """The tensor as our layer holds it; a constant factor costs one rounding."""
    if source.transpose:
        tensor = tensor.transpose(0, 1).contiguous()
    return tensor if source.scale == 1 else tensor.double() * source.scale
