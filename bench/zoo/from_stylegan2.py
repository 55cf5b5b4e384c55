"""StyleGAN2-ADA states (NVlabs key names) as our generator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganqbench.errors import UserError
from ganqbench.zoo.convert import (
    Source,
    State,
    fill,
    known_arguments,
    listed,
    missing_keys,
    positive,
    section,
    shape,
    told,
)
from ganqbench.zoo.stylegan2 import Architecture, StyleGAN2

ARCH = "stylegan2-ada"

_TOP = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs")
_MAPPING = ("num_layers", "embed_features", "layer_features", "activation", "lr_multiplier", "w_avg_beta")
_SYNTHESIS = (
    "channel_base",
    "channel_max",
    "num_fp16_res",
    "conv_clamp",
    "architecture",
    "resample_filter",
    "use_noise",
    "activation",
    "use_fp16",
    "fp16_channels_last",
)
# What the stylegan3 repository takes beside _TOP; the last one says how a product is computed.
_BESIDE = (*_SYNTHESIS, "fused_modconv_default")
_CLAMP_BESIDE = 256  # the default there; stylegan2-ada-pytorch clamps nothing unless told to


def convert(state: State, kwargs: Mapping[str, Any]) -> StyleGAN2:
    """The generator of an official state; `kwargs` are those of the official Generator.

    NVlabs/stylegan2-ada-pytorch takes the synthesis network's arguments inside `synthesis_kwargs`;
    NVlabs/stylegan3 (`train.py --cfg=stylegan2`) takes them beside the others, and an absent
    `conv_clamp` is 256 there. Arguments that show neither form are read as the former's.

    Only `conv_clamp` and `mapping_kwargs.lr_multiplier` are not told by shapes. Half precision
    (`num_fp16_res`) is an execution detail there: everything here is float32. A mapping that tracked
    no average (`w_avg_beta` None) gets zeros for it; the official one can't be truncated.
    """
    known_arguments(kwargs, (*_TOP, "synthesis_kwargs", *_BESIDE), ARCH)
    mapping_kwargs = section(kwargs, "mapping_kwargs", _MAPPING, ARCH)
    synthesis_kwargs = _synthesis_arguments(kwargs)
    for given in (mapping_kwargs, synthesis_kwargs):
        if given.get("activation", "lrelu") != "lrelu":
            raise UserError(
                f"{ARCH} with activation {given['activation']!r} is not built here.", "Use lrelu."
            )

    resolutions = _resolutions(state)
    channels = [shape(state, f"synthesis.b{r}.conv1.weight", 4, ARCH)[0] for r in resolutions]
    image_channels = shape(state, f"synthesis.b{resolutions[-1]}.torgb.weight", 4, ARCH)[0]
    c_dim = embed_dim = 0
    if any(key.startswith("mapping.embed.") for key in state):
        embed_dim, c_dim = shape(state, "mapping.embed.weight", 2, ARCH)
    layers = _count(state, r"mapping\.fc(\d+)\.")
    w_dim = shape(state, f"mapping.fc{max(layers, 1) - 1}.weight", 2, ARCH)[0]
    hidden, entering = shape(state, "mapping.fc0.weight", 2, ARCH)
    z_dim = entering - embed_dim
    if z_dim < 1:
        raise UserError(
            f"mapping.fc0.weight takes {entering} numbers, fewer than a latent and the class embedding.",
            "Pass a state_dict whose tensors belong together.",
        )
    architecture = _architecture(state, resolutions)
    noise = any(key.endswith(".noise_strength") for key in state)

    told(kwargs, "z_dim", z_dim)
    told(kwargs, "c_dim", c_dim)
    told(kwargs, "w_dim", w_dim)
    told(kwargs, "img_resolution", resolutions[-1])
    told(kwargs, "img_channels", image_channels)
    told(mapping_kwargs, "num_layers", layers)
    for name, width, acts in (
        ("embed_features", embed_dim, c_dim > 0),
        ("layer_features", hidden, layers > 1),
    ):
        if acts and mapping_kwargs.get(name) is not None:  # None there means as wide as w
            told(mapping_kwargs, name, width)
    told(synthesis_kwargs, "use_noise", noise)
    if len(resolutions) > 1:  # with one block all architectures coincide
        told(synthesis_kwargs, "architecture", architecture)
    if {"channel_base", "channel_max"} & set(synthesis_kwargs):
        base = positive(synthesis_kwargs, "channel_base") or 32768
        most = positive(synthesis_kwargs, "channel_max") or 512
        told({"channels": [min(int(base // r), most) for r in resolutions]}, "channels", channels)

    with torch.device("meta"):
        generator = StyleGAN2(
            channels=channels,
            z_dim=z_dim,
            w_dim=w_dim,
            c_dim=c_dim,
            mapping_layers=layers,
            architecture=architecture,
            conv_clamp=positive(synthesis_kwargs, "conv_clamp"),
            image_channels=image_channels,
            hidden_dim=hidden,
            embed_dim=embed_dim,
            lr_multiplier=positive(mapping_kwargs, "lr_multiplier") or 0.01,
            noise=noise,
            # Not conv1's: it does not resample, and official code leaves it the default filter.
            fir=_filter(state, f"synthesis.b{resolutions[-1]}.resample_filter"),
        )
    sources = _sources(generator)
    if "w_avg_beta" in mapping_kwargs and mapping_kwargs["w_avg_beta"] is None:
        sources["mapping.w_avg"] = Source("mapping.w_avg", optional=True)
    filters = {key: value for key, value in state.items() if key.endswith(".resample_filter")}
    squared = {**state, **{key: _square(value) for key, value in filters.items()}}
    fill(generator, squared, sources, filters, ARCH)
    return generator


def _synthesis_arguments(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the synthesis network, in whichever of the two forms they are given."""
    beside = {name: kwargs[name] for name in _BESIDE if name in kwargs}
    if not beside:
        return section(kwargs, "synthesis_kwargs", _SYNTHESIS, ARCH)
    if "synthesis_kwargs" in kwargs:
        raise UserError(
            f"Arguments of {ARCH} are given inside synthesis_kwargs and beside it: {listed(beside)}.",
            "Pass all of them inside, as stylegan2-ada-pytorch does, or leave it out, as stylegan3 does.",
        )
    return {"conv_clamp": _CLAMP_BESIDE, **beside}


def _resolutions(state: State) -> list[int]:
    found = {int(match[1]) for key in state if (match := re.match(r"synthesis\.b(\d+)\.", key))}
    if not found:
        raise missing_keys(["synthesis.b4.const"], ARCH)
    top = max(found)
    expected = [4 << level for level in range(max(top.bit_length() - 2, 1))]
    if expected[-1] != top or found - set(expected):
        raise UserError(
            f"The state has blocks at {', '.join(map(str, sorted(found)))} pixels.",
            f"{ARCH} has one per power of two from 4 on.",
        )
    if absent := sorted(set(expected) - found):
        raise missing_keys([f"synthesis.b{r}.conv1.weight" for r in absent], ARCH)
    return expected


def _count(state: State, pattern: str) -> int:
    return max((int(match[1]) + 1 for key in state if (match := re.match(pattern, key))), default=0)


def _architecture(state: State, resolutions: list[int]) -> Architecture:
    if any(re.match(r"synthesis\.b\d+\.skip\.", key) for key in state):
        return "resnet"
    below = [f"synthesis.b{r}.torgb." for r in resolutions[:-1]]
    if any(key.startswith(tuple(below)) for key in state):
        return "skip"
    return "orig"


def _filter(state: State, key: str) -> Tensor:
    return _square(state[key]) if key in state else torch.ones(1, 1)


def _square(taps: Tensor) -> Tensor:
    """The filter as a square: official buffers keep long separable ones as a row, short ones as a square."""
    return torch.outer(taps, taps) if taps.ndim == 1 else taps.reshape(1, 1) if taps.ndim == 0 else taps


def _sources(generator: StyleGAN2) -> dict[str, Source]:
    """The official key of each of our keys; scales are the equalised layers' constant gains."""
    scales = generator.lr_scales()
    sources = {}
    for name in generator.state_dict():
        key = re.sub(r"^mapping\.layers\.(\d+)\.", lambda m: f"mapping.fc{int(m[1]) // 2}.", name)
        key = key.replace(".modulated.conv.", ".").replace(".modulated.affine.", ".affine.")
        key = re.sub(r"(\.modulated)?\.fir$", ".resample_filter", key)
        up = name.endswith("conv0.modulated.conv.weight")
        sources[name] = Source(key, scales.get(name, 1.0), transpose=up)
    return sources
