"""A layer as the matrix product that it is: rows of weights times columns of its input."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganqbench.adapters.ganq.products import Weighted

POSITIONS = 8192
"""Output positions that stand for a layer's outputs."""


def weight_rows(layer: Weighted, weight: Tensor) -> Tensor:
    """The weight as [groups, outputs per group, values per output]."""
    if isinstance(layer, nn.Linear):
        return weight[None]
    if isinstance(layer, nn.ConvTranspose2d):
        # A transposed convolution is one of the zero-stuffed input with the flipped kernel.
        inputs, outputs, *kernel = weight.shape
        split = weight.reshape(layer.groups, inputs // layer.groups, outputs, *kernel)
        weight = split.transpose(1, 2).flip([-2, -1])
    return weight.reshape(layer.groups, layer.out_channels // layer.groups, -1)


def weight_of_rows(layer: Weighted, rows: Tensor, shape: torch.Size) -> Tensor:
    """The weight of that shape whose `weight_rows` are these."""
    if not isinstance(layer, nn.ConvTranspose2d):
        return rows.reshape(shape)
    inputs, outputs, *kernel = shape
    split = rows.reshape(layer.groups, outputs, inputs // layer.groups, *kernel)
    return split.flip([-2, -1]).transpose(1, 2).reshape(shape)


def sample_columns(layer: Weighted, inputs: tuple[Tensor, ...], count: int, seed: int) -> tuple[Tensor, ...]:
    """Inputs of at most `count` random output positions, [groups, positions, values per output] for each.

    The same positions for each of `inputs`, which are of one shape; all positions where there are fewer.
    """
    if isinstance(layer, nn.Linear):
        rows = [x.reshape(1, -1, x.shape[-1]) for x in inputs]
        chosen = _choose(rows[0].shape[1], count, seed)
        return tuple(x[:, chosen] for x in rows)
    padded = [_padded(layer, x) for x in inputs]
    stride = (1, 1) if isinstance(layer, nn.ConvTranspose2d) else _pair(layer.stride)
    reach = [d * (k - 1) for d, k in zip(_pair(layer.dilation), _pair(layer.kernel_size), strict=True)]
    height, width = ((n - r - 1) // s + 1 for n, r, s in zip(padded[0].shape[2:], reach, stride, strict=True))
    chosen = _choose(len(padded[0]) * height * width, count, seed)
    sample, place = chosen // (height * width), chosen % (height * width)
    # Only the chosen patches are formed: all of them are as many times the input as the kernel is large.
    taps = [
        start[:, None] * s + torch.arange(k) * d
        for start, s, k, d in zip(
            (place // width, place % width),
            stride,
            _pair(layer.kernel_size),
            _pair(layer.dilation),
            strict=True,
        )
    ]
    patches = [x[sample[:, None, None], :, taps[0][:, :, None], taps[1][:, None, :]] for x in padded]
    return tuple(
        x.permute(0, 3, 1, 2).reshape(len(chosen), layer.groups, -1).transpose(0, 1) for x in patches
    )


def _choose(available: int, count: int, seed: int) -> Tensor:
    if available <= count:
        return torch.arange(available)
    return torch.randperm(available, generator=torch.Generator().manual_seed(seed))[:count]


def _padded(layer: nn.Conv2d | nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """What a plain convolution without padding is to run over."""
    if isinstance(layer, nn.ConvTranspose2d):
        (sy, sx), (ky, kx) = _pair(layer.stride), _pair(layer.kernel_size)
        (dy, dx), (py, px) = _pair(layer.dilation), _pair(layer.padding)
        more_y, more_x = _pair(layer.output_padding)
        stuffed = x.new_zeros(*x.shape[:2], (x.shape[2] - 1) * sy + 1, (x.shape[3] - 1) * sx + 1)
        stuffed[:, :, ::sy, ::sx] = x
        before_y, before_x = dy * (ky - 1) - py, dx * (kx - 1) - px
        return F.pad(stuffed, [before_x, before_x + more_x, before_y, before_y + more_y])
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return F.pad(x, layer._reversed_padding_repeated_twice, mode=mode)


def _pair(value: int | tuple[int, ...] | str) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    assert not isinstance(value, str)  # "same" and "valid" padding are resolved by other means
    first, second = value
    return first, second
