"""What each ONNX operator computes, in torch: enough of them for generators and their integer forms.

Each function takes the node's attributes and its inputs (None for one left out). The integer
forms of products scale their operands back first, so that the audit sees both operands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Attributes = Mapping[str, Any]
Operator = Callable[..., Tensor]

DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}
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
    begin_h, begin_w, end_h, end_w = _pads(a)
    same = (begin_h, begin_w) == (end_h, end_w)
    if not same:
        x = F.pad(x, [begin_w, end_w, begin_h, end_h])
    padding = (begin_h, begin_w) if same else 0
    return F.conv2d(x, w, b, _two(a, "strides"), padding, _two(a, "dilations"), a.get("group", 1))


def conv_transpose(a: Attributes, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """A transposed convolution of two dimensions."""
    begin_h, begin_w, end_h, end_w = _pads(a)
    if (begin_h, begin_w) != (end_h, end_w) or a.get("output_shape"):
        raise NotImplementedError("uneven padding of a transposed convolution")
    extra = tuple(a.get("output_padding", (0, 0)))
    strides, dilations = _two(a, "strides"), _two(a, "dilations")
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


def pad(
    a: Attributes, x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Tensor | None = None
) -> Tensor:
    """Padding of the last two dimensions."""
    numbers = pads.tolist()
    half = len(numbers) // 2
    places = list(range(x.ndim)) if axes is None else [axis % x.ndim for axis in axes.tolist()]
    amounts = {place: (numbers[i], numbers[i + half]) for i, place in enumerate(places)}
    if any(amounts.get(place, (0, 0)) != (0, 0) for place in range(x.ndim - 2)):
        raise NotImplementedError("padding of other than the last two dimensions")
    flat = [*amounts.get(x.ndim - 1, (0, 0)), *amounts.get(x.ndim - 2, (0, 0))]
    mode = _text(a.get("mode", "constant"))
    if mode == "constant":
        return F.pad(x, flat, value=0.0 if value is None else float(value))
    # torch reflects floating-point numbers only
    padded = F.pad(x.float(), flat, mode={"reflect": "reflect", "edge": "replicate"}[mode])
    return padded.to(x.dtype)


def resize(
    a: Attributes,
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    """Nearest up-sampling by whole factors."""
    if _text(a.get("mode", "nearest")) != "nearest" or x.ndim != 4:
        raise NotImplementedError("a resize that is not to the nearest")
    if scales is not None and scales.numel():
        factors = [float(value) for value in scales]
    else:
        assert sizes is not None
        factors = [int(size) / length for size, length in zip(sizes, x.shape, strict=True)]
    if factors[:2] != [1, 1] or any(factor != int(factor) for factor in factors):
        raise NotImplementedError("a resize by other than whole factors")
    return x.repeat_interleave(int(factors[2]), 2).repeat_interleave(int(factors[3]), 3)


def max_pool(a: Attributes, x: Tensor) -> Tensor:
    """Largest value of each window."""
    begin_h, begin_w, end_h, end_w = _pads(a)
    if (begin_h, begin_w) != (end_h, end_w) or a.get("ceil_mode"):
        raise NotImplementedError("uneven padding of a pooling")
    kernel = tuple(a["kernel_shape"])
    pooled = F.max_pool2d(x.float(), kernel, _two(a, "strides"), (begin_h, begin_w), _two(a, "dilations"))
    return pooled.to(x.dtype)


def reshape(a: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    """0 keeps a dimension, -1 takes what is left."""
    sizes = [
        x.shape[i] if size == 0 and not a.get("allowzero") else size for i, size in enumerate(shape.tolist())
    ]
    return x.reshape(sizes)


def depth_to_space(a: Attributes, x: Tensor) -> Tensor:
    """Channels to pixels of blocks."""
    if _text(a.get("mode", "DCR")) == "CRD":
        return F.pixel_shuffle(x, a["blocksize"])
    n, c, h, w = x.shape
    b = a["blocksize"]
    blocks = x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2)
    return blocks.reshape(n, c // (b * b), h * b, w * b)


def gather(a: Attributes, x: Tensor, indices: Tensor) -> Tensor:
    """Entries of one dimension."""
    axis = a.get("axis", 0) % x.ndim
    taken = x.index_select(axis, (indices.long() % x.shape[axis]).reshape(-1))
    return taken.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def slice_(
    a: Attributes,
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    """A range of each named dimension."""
    places = range(len(starts)) if axes is None else axes.tolist()
    strides = [1] * len(starts) if steps is None else steps.tolist()
    index = [slice(None)] * x.ndim
    for place, start, end, step in zip(places, starts.tolist(), ends.tolist(), strides, strict=True):
        index[place % x.ndim] = slice(start, end, step)
    return x[tuple(index)]


def instance_norm(a: Attributes, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Each map of each item to mean 0 and variance 1, then scaled."""
    return F.instance_norm(x, weight=scale, bias=bias, eps=a.get("epsilon", 1e-5))


def batch_norm(
    a: Attributes, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    """With the statistics of the training."""
    return F.batch_norm(x, mean, variance, scale, bias, eps=a.get("epsilon", 1e-5))


def expand(a: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    """To the shape that both broadcast to."""
    sizes = torch.broadcast_shapes(x.shape, tuple(shape.tolist()))  # type: ignore[no-untyped-call]
    return x.expand(sizes)


def clip(a: Attributes, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """Values held between two bounds."""
    return torch.clamp(x, low, high) if low is not None or high is not None else x


def _reduce(name: str) -> Operator:
    def run(a: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
        places = a.get("axes") if axes is None else axes.tolist()
        kept = bool(a.get("keepdims", 1))
        reduced: Tensor = getattr(torch, name)(
            x, list(range(x.ndim) if places is None else places), keepdim=kept
        )
        return reduced

    return run


def _plain(function: Callable[..., Tensor]) -> Operator:
    return lambda _, *values: function(*values)


def _axes(axes: Tensor | None, a: Attributes) -> Sequence[int]:
    places: Sequence[int] = a["axes"] if axes is None else axes.reshape(-1).tolist()
    return places


def unsqueeze(a: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """New dimensions of size 1."""
    places = _axes(axes, a)
    for place in sorted(axis % (x.ndim + len(places)) for axis in places):
        x = x.unsqueeze(place)
    return x


def squeeze(a: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """Dimensions of size 1 taken away."""
    return x.squeeze(tuple(_axes(axes, a)))


OPERATORS: dict[str, Operator] = {
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": gemm,
    "MatMul": _plain(torch.matmul),
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
    "ConvInteger": conv_integer,
    "MatMulInteger": matmul_integer,
    "Pad": pad,
    "Resize": resize,
    "MaxPool": max_pool,
    "Reshape": reshape,
    "DepthToSpace": depth_to_space,
    "Gather": gather,
    "Slice": slice_,
    "InstanceNormalization": instance_norm,
    "BatchNormalization": batch_norm,
    "Expand": expand,
    "Clip": clip,
    "ReduceSum": _reduce("sum"),
    "ReduceMean": _reduce("mean"),
    "ReduceMax": _reduce("amax"),
    "ReduceMin": _reduce("amin"),
    "Max": _plain(torch.maximum),
    "Min": _plain(torch.minimum),
    "Unsqueeze": unsqueeze,
    "Squeeze": squeeze,
    "Add": _plain(torch.add),
    "Sub": _plain(torch.sub),
    "Mul": _plain(torch.mul),
    "Div": _plain(torch.div),
    "Pow": _plain(lambda x, y: torch.pow(x, y.to(x.dtype))),
    "Sqrt": _plain(torch.sqrt),
    "Reciprocal": _plain(torch.reciprocal),
    "Neg": _plain(torch.neg),
    "Abs": _plain(torch.abs),
    "Relu": _plain(torch.relu),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "Tanh": _plain(torch.tanh),
    "Sigmoid": _plain(torch.sigmoid),
    "Softmax": lambda a, x: torch.softmax(x, a.get("axis", -1)),
    "Equal": _plain(torch.eq),
    "Identity": _plain(lambda x: x),
    "Cast": lambda a, x: x.to(DTYPES[a["to"]]),
    "Transpose": lambda a, x: x.permute(*a.get("perm", range(x.ndim - 1, -1, -1))),
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "Flatten": lambda a, x: x.flatten(a.get("axis", 1)),
    "Shape": lambda a, x: torch.tensor(x.shape[a.get("start", 0) : a.get("end", x.ndim)]),
}


def _along(values: Tensor, dims: int, axis: int) -> Tensor:
    """One value as it is, several along one dimension."""
    if values.numel() == 1:
        return values.reshape(())
    return values.reshape([-1 if place == axis % dims else 1 for place in range(dims)])


def _shifted(values: Tensor, zero: Tensor | None, axis: int) -> Tensor:
    numbers = values.float()
    return numbers if zero is None else numbers - _along(zero.float(), values.ndim, axis)


def _pads(a: Attributes) -> tuple[int, int, int, int]:
    if _text(a.get("auto_pad", "NOTSET")) not in ("NOTSET", "VALID"):
        raise NotImplementedError("automatic padding")
    begin_h, begin_w, end_h, end_w = a.get("pads", (0, 0, 0, 0))
    return begin_h, begin_w, end_h, end_w


def _two(a: Attributes, name: str) -> tuple[int, int]:
    first, second = a.get(name, (1, 1))
    return first, second


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
