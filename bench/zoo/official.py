"""Generators from official states: `from_official(arch, state_dict, **official_kwargs)`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganqbench.errors import UserError, unknown_name

if TYPE_CHECKING:
    from torch import Tensor

    from ganqbench.zoo.generator import Generator

# arch -> module with `convert(state, kwargs)`
_CONVERTERS = {
    "stylegan2-ada": "ganqbench.zoo.from_stylegan2",
    "studiogan-sagan": "ganqbench.zoo.from_studiogan",
    "cyclegan-resnet": "ganqbench.zoo.from_junyanz",
}
ARCHITECTURES = tuple(_CONVERTERS)


def from_official(arch: str, state_dict: Mapping[str, Tensor], **official_kwargs: Any) -> Generator:
    """The generator of an official checkpoint's state, in eval mode.

    `arch` is one of `ARCHITECTURES`; the keyword arguments are those of the official constructor.
    Widths and depths come from the tensors' shapes; arguments that shapes tell as well are checked
    against them. Keys are renamed, constant gains and spectral norms folded, nothing is trained
    or rounded. Raises UserError for an unknown architecture or argument, missing or extra keys
    (listed), and wrong shapes.
    """
    if arch not in _CONVERTERS:
        raise unknown_name("architecture", arch, _CONVERTERS)
    module = import_module(_CONVERTERS[arch])
    generator: Generator = module.convert(_checked(state_dict), official_kwargs)
    return generator


def _checked(state: object) -> dict[str, Tensor]:
    """The state without DataParallel's prefix; UserError if it is not a mapping of keys to tensors."""
    tensors: dict[str, Tensor] = dict(state) if isinstance(state, Mapping) else {}
    odd = [key for key, value in tensors.items() if not (isinstance(key, str) and _is_plain(value))]
    if odd or not tensors:
        found = f"the value at {odd[0]!r} is not a plain tensor" if odd else "it is empty"
        if not isinstance(state, Mapping):
            found = f"it is a {type(state).__name__}"
        raise UserError(
            f"This is not a state_dict: {found}.",
            "Pass the mapping of key names to tensors; read_official(path) takes it out of a file.",
        )
    prefix = "module."
    if all(key.startswith(prefix) for key in tensors):
        return {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def _is_plain(value: object) -> bool:
    """Whether it is a tensor of real numbers in memory: not sparse, quantized, complex or of shape alone."""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and not (value.is_quantized or value.is_complex() or value.is_meta)
    )
