"""Recognize the operations that multiply and accumulate, and read their operands.

Everything that convolves or multiplies matrices arrives at the dispatcher as one of a few
operations. Those are read here; what else is known to hide products (FFT, recurrent layers,
fused kernels) is named `opaque`, because its operands can't be judged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch._ops import OpOverload

from ganqbench.audit.grid import Numbers
from ganqbench.audit.operands import to_numpy

Kind = Literal["conv", "conv_transposed", "linear", "matmul", "attention"]

_CONVOLUTIONS = {"convolution": "input", "_convolution": "input", "mkldnn_convolution": "self"}
_PRODUCTS = {
    "mm": ("self", "mat2"),
    "_int_mm": ("self", "mat2"),
    "addmm": ("mat1", "mat2"),
    "_addmm_activation": ("mat1", "mat2"),
    "bmm": ("self", "mat2"),
    "baddbmm": ("batch1", "batch2"),
    "addbmm": ("batch1", "batch2"),
    "mv": ("self", "vec"),
    "addmv": ("mat", "vec"),
    "dot": ("self", "tensor"),
    "vdot": ("self", "other"),
}
_ATTENTION = re.compile(r"_scaled_dot_product_\w*attention\w*")
_OPAQUE = re.compile(
    r"fft|trilinear|lstm|gru|rnn|attention|multi_head|transformer|cdist|pdist|linalg_(?!vector_norm)"
    r"|conv(?!ert)|mm(_|$)|matmul|quantized_|embedding_bag|_pack|euclidean_dist"
    r"|(^|_)(linear|dot|mv|solve|lu|cholesky|svd|eig|qr|ormqr|orgqr|geqrf)(_|$)"
)
# Operations of these namespaces are elementwise, reductions or movements unless named above.
_NAMESPACES = ("aten", "prims", "prim", "quantized_decomposed")


@dataclass(frozen=True)
class Product:
    """One multiply-accumulate operation: `left` (the input, of a convolution) times `right`.

    `signature` identifies what is computed apart from the values: two operations of one
    signature do the same amount of work on operands of the same shapes.
    """

    form: Literal["conv", "conv_transposed", "matmul", "attention"]
    left: Tensor
    right: Tensor
    macs: int
    signature: tuple[Any, ...]
    groups: int = 1

    def weight_is_left(self, left_varies: bool, right_varies: bool) -> bool:
        """Which operand of a matrix product is the weight: the one that the input can't change."""
        return self.form == "matmul" and right_varies and not left_varies

    def rows(self, left: bool) -> Numbers:
        """The weight as [output channels, values per channel]."""
        weight = self.left if left else self.right
        if self.form == "matmul":
            if weight.ndim == 3 and weight.stride(0) == 0:
                weight = weight[0]
            return to_numpy(weight if left else weight.transpose(-1, -2)).reshape(
                -1, weight.shape[-1 if left else -2]
            )
        values = to_numpy(weight)
        if self.form == "conv_transposed":
            # [in, out / groups, ...] -> [groups, out / groups, in / groups, ...]
            values = values.reshape(self.groups, -1, *values.shape[1:]).swapaxes(1, 2)
            return values.reshape(values.shape[0] * values.shape[1], -1)
        return values.reshape(len(values), -1)


def bound(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by their names in the operation's schema."""
    return {
        argument.name: value for argument, value in zip(func._schema.arguments, args, strict=False)
    } | dict(kwargs)


def read_product(name: str, arguments: Mapping[str, Any], out: Tensor) -> Product:
    """The product that `aten::name` computes, where `is_product(name)`. `out` is its (first) result."""
    if name in _CONVOLUTIONS:
        return _convolution(arguments[_CONVOLUTIONS[name]], arguments, out)
    name = name.removesuffix("_")
    if name in _PRODUCTS:
        left, right = (arguments[key] for key in _PRODUCTS[name])
        return _matmul(left, right)
    query, key, value = (arguments[role] for role in ("query", "key", "value"))
    macs = math.prod(query.shape[:-1]) * key.shape[-2] * (key.shape[-1] + value.shape[-1])
    return Product("attention", query, key, macs, ("attention", *query.shape, *key.shape, *value.shape))


def is_product(name: str) -> bool:
    """Whether `read_product` knows this operation."""
    return name in _CONVOLUTIONS or name.removesuffix("_") in _PRODUCTS or bool(_ATTENTION.fullmatch(name))


def is_opaque(namespace: str, name: str) -> bool:
    """Whether the operation may multiply and accumulate where the operands can't be read."""
    return namespace not in _NAMESPACES or bool(_OPAQUE.search(name))


def _convolution(data: Tensor, arguments: Mapping[str, Any], out: Tensor) -> Product:
    weight = arguments["weight"]
    groups, transposed = int(arguments["groups"]), bool(arguments.get("transposed", False))
    form: Literal["conv", "conv_transposed"] = "conv_transposed" if transposed else "conv"
    macs = (data if transposed else out).numel() * math.prod(weight.shape[1:])
    signature = (form, *weight.shape, groups, *arguments["stride"], *arguments["dilation"], *out.shape)
    return Product(form, data, weight, macs, signature, groups)


def _matmul(left: Tensor, right: Tensor) -> Product:
    if left.ndim == 1:
        left = left[None]
    if right.ndim == 1:
        right = right[:, None]
    batch = left.shape[0] if left.ndim == 3 else 1
    n, k, m = left.shape[-2], left.shape[-1], right.shape[-1]
    macs = batch * n * k * m
    if left.ndim == 3 and right.stride(0) == 0:  # one weight for the whole batch, by expand()
        batch, n = 1, batch * n
    # W @ x and x.T @ W.T are one product.
    return Product("matmul", left, right, macs, ("matmul", batch, k, min(n, m), max(n, m)))
