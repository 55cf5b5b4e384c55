"""What each ONNX operator computes, in torch: enough of them for generators and their integer forms.

Each function takes the node's attributes and its inputs (None for one left out).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ganqbench.audit.onnx_products import (
    Attributes,
    conv,
    conv_integer,
    conv_transpose,
    dequantize,
    gemm,
    matmul_integer,
    pads_of,
    pair_of,
    qlinear_conv,
    qlinear_matmul,
    quantize,
    text_of,
)

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
    mode = text_of(a.get("mode", "constant"))
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
    if text_of(a.get("mode", "nearest")) != "nearest" or x.ndim != 4:
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
    begin_h, begin_w, end_h, end_w = pads_of(a)
    if (begin_h, begin_w) != (end_h, end_w) or a.get("ceil_mode"):
        raise NotImplementedError("uneven padding of a pooling")
    kernel = tuple(a["kernel_shape"])
    pooled = F.max_pool2d(
        x.float(), kernel, pair_of(a, "strides"), (begin_h, begin_w), pair_of(a, "dilations")
    )
    return pooled.to(x.dtype)


def reshape(a: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    """0 keeps a dimension, -1 takes what is left."""
    sizes = [
        x.shape[i] if size == 0 and not a.get("allowzero") else size for i, size in enumerate(shape.tolist())
    ]
    return x.reshape(sizes)


def depth_to_space(a: Attributes, x: Tensor) -> Tensor:
    """Channels to pixels of blocks."""
    if text_of(a.get("mode", "DCR")) == "CRD":
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
