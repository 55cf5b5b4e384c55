"""What ONNX' products of generators compute, in torch, on real numbers and on integers.

Each function takes the node's attributes and its inputs (None for one left out). The integer
forms scale their operands back first, so that the audit sees both operands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Attributes = Mapping[str, Any]

RANGES = {2: (0, 255), 3: (-128, 127), 4: (0, 65535), 5: (-32768, 32767), 21: (0, 15), 22: (-8, 7)}
"""Smallest and largest number of ONNX' integer types that operands are stored in."""


def dequantize(a: Attributes, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """(x - zero) * scale, with a scale for each index of `axis` or one for all."""
    if a.get("block_size"):
        raise NotImplementedError("blocked scales")
    numbers = x.float()
    if zero is not None:
        numbers = numbers - _along(zero.float(), x.ndim, a.get("axis", 1))
    return numbers * _along(scale, x.ndim, a.get("axis", 1))


def quantize(a: Attributes, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """round(x / scale) + zero, held to the range of the type that the reader put in `a["range"]`."""
    low, high = a["range"]
    numbers = (x / _along(scale, x.ndim, a.get("axis", 1))).round()
    if zero is not None:
        numbers = numbers + _along(zero.float(), x.ndim, a.get("axis", 1))
    return numbers.clamp(low, high).to(torch.int16 if high < 2**15 else torch.int32)


def conv(a: Attributes, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """A convolution of two dimensions."""
    begin_h, begin_w, end_h, end_w = pads_of(a)
    same = (begin_h, begin_w) == (end_h, end_w)
    if not same:
        x = F.pad(x, [begin_w, end_w, begin_h, end_h])
    padding = (begin_h, begin_w) if same else 0
    return F.conv2d(x, w, b, pair_of(a, "strides"), padding, pair_of(a, "dilations"), a.get("group", 1))


def conv_transpose(a: Attributes, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """A transposed convolution of two dimensions."""
    begin_h, begin_w, end_h, end_w = pads_of(a)
    if (begin_h, begin_w) != (end_h, end_w) or a.get("output_shape"):
        raise NotImplementedError("uneven padding of a transposed convolution")
    extra = tuple(a.get("output_padding", (0, 0)))
    strides, dilations = pair_of(a, "strides"), pair_of(a, "dilations")
    return F.conv_transpose2d(x, w, b, strides, (begin_h, begin_w), extra, a.get("group", 1), dilations)


def gemm(a: Attributes, x: Tensor, w: Tensor, c: Tensor | None = None) -> Tensor:
    """A linear layer."""
    if a.get("transA") or a.get("alpha", 1.0) != 1 or a.get("beta", 1.0) != 1:
        raise NotImplementedError("a scaled or transposed Gemm")
    return F.linear(x, w if a.get("transB") else w.t(), c)


def qlinear_conv(
    a: Attributes, x: Tensor, xs: Tensor, xz: Tensor, w: Tensor, ws: Tensor, wz: Tensor, ys: Tensor,
    yz: Tensor, b: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Integers to integers; the bias is in units of both scales' product."""
    left, right = dequantize(a, x, xs, xz), dequantize({"axis": 0}, w, ws, wz)
    bias = None if b is None else b.float() * xs * ws
    return quantize(a, conv(a, left, right, bias), ys, yz)


def qlinear_matmul(
    a: Attributes,
    x: Tensor,
    xs: Tensor,
    xz: Tensor,
    w: Tensor,
    ws: Tensor,
    wz: Tensor,
    ys: Tensor,
    yz: Tensor,
) -> Tensor:
    """Integers to integers."""
    axis = {"axis": w.ndim - 1}
    return quantize(a, torch.matmul(dequantize(a, x, xs, xz), dequantize(axis, w, ws, wz)), ys, yz)


def conv_integer(
    a: Attributes, x: Tensor, w: Tensor, xz: Tensor | None = None, wz: Tensor | None = None
) -> Tensor:
    """Integers to sums."""
    return conv(a, _shifted(x, xz, 0), _shifted(w, wz, 0))


def matmul_integer(
    a: Attributes, x: Tensor, w: Tensor, xz: Tensor | None = None, wz: Tensor | None = None
) -> Tensor:
    """Integers to sums."""
    return torch.matmul(_shifted(x, xz, 0), _shifted(w, wz, w.ndim - 1))


def pads_of(a: Attributes) -> tuple[int, int, int, int]:
    """Rows and columns of padding before, then after."""
    if text_of(a.get("auto_pad", "NOTSET")) not in ("NOTSET", "VALID"):
        raise NotImplementedError("automatic padding")
    begin_h, begin_w, end_h, end_w = a.get("pads", (0, 0, 0, 0))
    return begin_h, begin_w, end_h, end_w


def pair_of(a: Attributes, name: str) -> tuple[int, int]:
    """An attribute for rows and columns, 1 each where it is left out."""
    first, second = a.get(name, (1, 1))
    return first, second


def text_of(value: str | bytes) -> str:
    """An attribute's text, which onnx gives as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _along(values: Tensor, dims: int, axis: int) -> Tensor:
    """One value as it is, several along one dimension."""
    if values.numel() == 1:
        return values.reshape(())
    return values.reshape([-1 if place == axis % dims else 1 for place in range(dims)])


def _shifted(values: Tensor, zero: Tensor | None, axis: int) -> Tensor:
    numbers = values.float()
    return numbers if zero is None else numbers - _along(zero.float(), values.ndim, axis)
