"""CycleGAN ResNet states (junyanz' key names) as our generator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import torch

from ganqbench.errors import UserError
from ganqbench.zoo.convert import Source, State, fill, known_arguments, missing_keys, shape, told
from ganqbench.zoo.cyclegan import Padding, ResnetGenerator

ARCH = "cyclegan-resnet"

_ARGUMENTS = (
    "input_nc",
    "output_nc",
    "ngf",
    "norm",
    "norm_layer",
    "use_dropout",
    "no_dropout",
    "n_blocks",
    "padding_type",
    "affine",
    "netG",
    "init_type",
    "init_gain",
)
_FIRST_BLOCK = 10
# Places of the two convolutions in a residual block's sequence: without and with dropout between
# them, and with zero padding, which is a property of the convolution and no layer of its own there.
_LAYOUTS = {(1, 5): False, (1, 6): False, (0, 3): True, (0, 4): True}


def convert(state: State, kwargs: Mapping[str, Any]) -> ResnetGenerator:
    """The generator of an official state; only `padding_type` reflect/replicate is not told by shapes."""
    known_arguments(kwargs, _ARGUMENTS, ARCH)
    if kwargs.get("norm", "instance") != "instance" or _has_batch_norm(state):
        raise UserError(
            f"{ARCH} is built with instance normalisation alone.",
            "Pass a state that was trained with norm=instance.",
        )
    blocks, first, second = _blocks(state)
    ngf, in_channels = shape(state, "model.1.weight", 4, ARCH)[:2]
    out_channels = shape(state, f"model.{_FIRST_BLOCK + blocks + 7}.weight", 4, ARCH)[0]
    affine = "model.2.weight" in state
    told(kwargs, "input_nc", in_channels)
    told(kwargs, "output_nc", out_channels)
    told(kwargs, "ngf", ngf)
    told(kwargs, "n_blocks", blocks)
    told(kwargs, "affine", affine)
    zero = _LAYOUTS[first, second]
    padding = cast("Padding", str(kwargs.get("padding_type") or ("zero" if zero else "reflect")))
    if zero != (padding == "zero"):
        told(kwargs, "padding_type", "zero" if zero else "reflect or replicate")

    with torch.device("meta"):
        generator = ResnetGenerator(in_channels, out_channels, ngf, blocks, affine, padding)
    # Our residual blocks hold padding, convolution, norm, ReLU, padding, convolution, norm.
    moved = {1: first, 2: first + 1, 5: second, 6: second + 1}

    def official(name: str) -> str:
        return re.sub(r"(\.conv_block\.)(\d+)", lambda match: match[1] + str(moved[int(match[2])]), name)

    sources = {name: Source(official(name)) for name in generator.state_dict()}
    # InstanceNorm with track_running_stats, as official code built it until October 2018, has statistics
    # that eval mode would use; the published horse2zebra.pth holds some. Official code drops them on load
    # since then (load_networks) and normalises each image by itself. Those from before PyTorch 0.4,
    # without num_batches_tracked, were never used at all.
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    unused = [key for key in state if key.rpartition(".")[2] in statistics]
    fill(generator, state, sources, unused, ARCH)
    return generator


def _has_batch_norm(state: State) -> bool:
    """Convolutions before a BatchNorm have no bias; those before an InstanceNorm have one."""
    return "model.2.running_mean" in state and "model.1.bias" not in state


def _blocks(state: State) -> tuple[int, int, int]:
    """Number of residual blocks, and where their two convolutions stand."""
    pattern = r"model\.(\d+)\.conv_block\.(\d+)\.weight"
    ranks: dict[int, set[int]] = {}
    for key, value in state.items():
        if (match := re.fullmatch(pattern, key)) and value.ndim == 4:
            ranks.setdefault(int(match[1]), set()).add(int(match[2]))
    if not ranks:
        # Without residual blocks the last layer still tells which keys are absent.
        raise missing_keys([f"model.{_FIRST_BLOCK}.conv_block.1.weight"], ARCH)
    blocks = max(ranks) - _FIRST_BLOCK + 1
    places = tuple(sorted(set().union(*ranks.values())))
    if len(places) == 2 and places in _LAYOUTS:
        return blocks, places[0], places[1]
    raise UserError(
        f"The residual blocks have convolutions at places {', '.join(map(str, places))} of conv_block.",
        "Official ones have two: at 1 and 5, or 6 with dropout; at 0 and 3, or 4, with zero padding.",
    )
