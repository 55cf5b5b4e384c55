"""PyTorch-StudioGAN's SAGAN states as our generator, with spectral norm folded into the weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganqbench.errors import UserError
from ganqbench.zoo.convert import Source, State, fill, known_arguments, missing_keys, positive, shape, told
from ganqbench.zoo.sagan import SAGAN

ARCH = "studiogan-sagan"

# The official constructor's arguments, and the switches of its configuration that it is built under.
_ARGUMENTS = (
    "z_dim",
    "g_shared_dim",
    "img_size",
    "g_conv_dim",
    "apply_attn",
    "attn_g_loc",
    "g_cond_mtd",
    "num_classes",
    "g_init",
    "g_depth",
    "mixed_precision",
    "g_act_fn",
    "g_spectral_norm",
    "apply_g_sn",
    "g_info_injection",
)
# What spectral norm makes of a layer's `weight`: how the key ends, and how those of its vectors u and v.
_NORMED = {
    ".weight_orig": (".weight_u", ".weight_v"),
    ".parametrizations.weight.original": (
        ".parametrizations.weight.0._u",
        ".parametrizations.weight.0._v",
    ),
}
# Width after each stage in units of g_conv_dim, first that of the 4-pixel map.
_WIDTHS = {
    32: (4, 4, 4, 4),
    64: (16, 8, 4, 2, 1),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}


def convert(state: State, kwargs: Mapping[str, Any]) -> SAGAN:
    """The generator of an official state; shapes tell everything, so `kwargs` are only checked."""
    known_arguments(kwargs, _ARGUMENTS, ARCH)
    if kwargs.get("g_act_fn", "ReLU") != "ReLU":
        raise UserError(f"{ARCH} with activation {kwargs['g_act_fn']!r} is not built here.", "Use ReLU.")
    normed = any(key.endswith(tuple(_NORMED)) for key in state)
    state = _linear_classes(fold(state))
    stages = _stages(state)
    widths = [shape(state, "linear0.weight", 2, ARCH)[0] // 16]
    attention: list[int] = []
    for stage, is_attention in enumerate(stages):
        if is_attention:
            attention.append(len(widths) - 1)
        else:
            widths.append(shape(state, f"blocks.{stage}.0.conv2d2.weight", 4, ARCH)[0])
    z_dim = shape(state, "linear0.weight", 2, ARCH)[1]
    classes = 0
    if any(re.match(r"blocks\.\d+\.0\.bn\d\.gain\.", key) for key in state):
        classes = shape(state, "blocks.0.0.bn1.gain.weight", 2, ARCH)[1]

    size = 4 << (len(widths) - 1)
    told(kwargs, "z_dim", z_dim)
    told(kwargs, "img_size", size)
    for switch in ("g_spectral_norm", "apply_g_sn"):
        told(kwargs, switch, normed)
    if kwargs.get("g_cond_mtd") is not None:
        told(kwargs, "g_cond_mtd", "cBN" if classes else "W/O")
    if classes:
        told(kwargs, "num_classes", classes)
    if kwargs.get("apply_attn", True):
        places = kwargs.get("attn_g_loc")
        if isinstance(places, list | tuple) and all(isinstance(place, int) for place in places):
            # Official code passes over places beyond the last block.
            places = sorted(set(places) & set(range(1, len(widths))))
        if places is not None:
            told({"attn_g_loc": places}, "attn_g_loc", attention)
    else:
        told(kwargs, "apply_attn", bool(attention))
    unit = positive(kwargs, "g_conv_dim")
    if unit is not None and size in _WIDTHS:
        told({"widths": [unit * factor for factor in _WIDTHS[size]]}, "widths", widths)

    with torch.device("meta"):
        generator = SAGAN(widths, z_dim, classes, attention)
    sources = {
        name: Source(name, optional=name.endswith("num_batches_tracked")) for name in generator.state_dict()
    }
    fill(generator, state, sources, (), ARCH)
    return generator


def fold(state: State) -> dict[str, Tensor]:
    """The state with every spectrally normalised weight divided by its norm, u' W v of the stored vectors.

    That is what torch.nn.utils.spectral_norm and its successor among the parametrizations compute
    in eval mode, without an iteration.
    """
    folded = dict(state)
    for key in state:
        ending = next((ending for ending in _NORMED if key.endswith(ending)), None)
        if ending is None:
            continue
        base = key.removesuffix(ending)
        names = [base + vector for vector in _NORMED[ending]]
        if absent := [name for name in names if name not in state]:
            raise missing_keys(absent, ARCH)
        weight, u, v = (folded.pop(name).detach() for name in (key, *names))
        matrix = weight.flatten(1) if weight.ndim > 1 else weight
        if u.shape != matrix.shape[:1] or v.shape != matrix.shape[1:]:
            raise UserError(
                f"{' and '.join(names)} have shapes {list(u.shape)} and {list(v.shape)}, "
                f"which do not fit {key} of shape {list(weight.shape)}.",
                "Pass a state_dict whose tensors belong together.",
            )
        sigma = u.double() @ matrix.double() @ v.double()
        folded[f"{base}.weight"] = (weight.double() / sigma).float()
    return folded


def _linear_classes(state: State) -> dict[str, Tensor]:
    """Class gains and biases of earlier releases, embeddings there, as linear maps of one-hot classes."""
    renamed = {}
    for key, value in state.items():
        if match := re.fullmatch(r"(blocks\.\d+\.0\.bn\d\.)embed([01])\.weight", key):
            renamed[match[1] + ("gain.weight", "bias.weight")[int(match[2])]] = value.t()
        else:
            renamed[key] = value
    return renamed


def _stages(state: State) -> list[bool]:
    """For each entry of the official `blocks` whether it is a self-attention."""
    found = {int(match[1]) for key in state if (match := re.match(r"blocks\.(\d+)\.0\.", key))}
    if not found:
        raise missing_keys(["blocks.0.0.conv2d1.weight"], ARCH)
    absent = set(range(max(found))) - found
    if absent:
        raise missing_keys([f"blocks.{stage}.0.conv2d2.weight" for stage in absent], ARCH)
    return [
        any(key.startswith((f"blocks.{stage}.0.conv1x1", f"blocks.{stage}.0.sigma")) for key in state)
        for stage in sorted(found)
    ]
