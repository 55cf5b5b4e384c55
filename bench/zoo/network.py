"""A pickled network as plain data: its tensors by name, and the arguments it was built with."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

_MOST_MODULES = 20_000
_MOST_ARGUMENTS = 10_000


class Network:
    """A pickled persistent object: its class's name and its attributes, nothing that runs."""

    def __init__(self, class_name: str, attributes: dict[str, Any]) -> None:
        self.class_name = class_name
        self.attributes = attributes

    def state(self) -> dict[str, Tensor]:
        """Parameters and persistent buffers of this module and those inside, as `state_dict` names them."""
        state: dict[str, Tensor] = {}
        pending: list[tuple[str, Network, int]] = [("", self, 0)]
        seen = 0
        while pending:
            prefix, module, depth = pending.pop()
            seen += 1
            if depth > 32 or seen > _MOST_MODULES:  # a module may hold itself, or another many times
                raise pickle.UnpicklingError("modules are nested too deeply")
            own = module.attributes
            passing = own.get("_non_persistent_buffers_set") or ()
            for kind in ("_parameters", "_buffers"):
                for name, value in _mapping(own, kind).items():
                    if isinstance(value, Tensor) and not (kind == "_buffers" and name in passing):
                        state[f"{prefix}{name}"] = value
            for name, child in _mapping(own, "_modules").items():
                if isinstance(child, Network):
                    pending.append((f"{prefix}{name}.", child, depth + 1))
        return state

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments that the object was built with, as plain values."""
        plain = _Plain()
        return {str(key): plain(value) for key, value in _mapping(self.attributes, "_init_kwargs").items()}


def _mapping(attributes: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = attributes.get(name)
    return value if isinstance(value, Mapping) else {}


class _Plain:
    """Numbers, text, lists and dictionaries of a pickle without their special classes.

    Values are counted, since a few lists that hold each other many times stand for any number.
    """

    def __init__(self) -> None:
        self._left = _MOST_ARGUMENTS

    def __call__(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if depth > 8 or self._left < 0:
            raise pickle.UnpicklingError("arguments are nested too deeply")
        if isinstance(value, Mapping):
            return {str(key): self(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item, depth + 1) for item in value]
        if value is None or isinstance(value, float | str) or (isinstance(value, int) and abs(value) < 2**63):
            return value
        inner = getattr(value, "value", None)
        if isinstance(inner, np.ndarray) and inner.size <= self._left:
            self._left -= inner.size
            return inner.tolist()
        raise pickle.UnpicklingError(f"an argument of type {type(value).__name__}")
