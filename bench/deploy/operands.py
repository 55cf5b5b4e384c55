"""What reaches the products of a fake-quantized generator, site by site, as integers.

No backend is asked: its module is watched as in the audit. A weight is read where it enters its
product; the quantizer of an activation is the module that the operand came out of, and its
range is found out by feeding it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganqbench.audit.intercept import watch
from ganqbench.audit.matching import match
from ganqbench.audit.products import Product
from ganqbench.deploy import affine
from ganqbench.errors import UserError
from ganqbench.zoo.generator import Generator, Inputs


@dataclass(frozen=True)
class Site:
    """One layer or product of the full-precision generator and its operands in the quantized one.

    `values` and `bias` are the layer's as they act; None at a product of two activations, which
    has two `activations`.
    """

    path: str
    activations: tuple[affine.Activation, ...]
    weight: affine.Weight | None = None
    values: Tensor | None = None
    bias: Tensor | None = None


def sites(
    module: nn.Module, reference: Generator, inputs: Inputs
) -> tuple[list[Site], dict[str, NDArray[np.float32]]]:
    """The sites in the order in which the reference runs them, and what its demodulation multiplies by.

    The sites are without those that the zoo exempts; the sums of squared weights [in, out] are by the
    path of the module that takes them.

    Raises UserError for a site that is missing or whose operands can't be written as integers.
    """
    seen: list[_Seen] = []

    def record(product: Product, arguments: Mapping[str, Any]) -> None:
        operands = (product.left, product.right)
        seen.append(_Seen(product, _bias(arguments), tuple(origins.get(_key(one)) for one in operands)))

    plan = watch(reference, inputs)
    origins: dict[int, str] = {}
    with _origins(module, origins):
        run = watch(module, inputs, record=record)
    found, energies = [], {}
    exempt = reference.exempt_modules()
    for site, product in match(plan, run):
        if site is None:
            continue
        planned = plan.observations[site]
        if planned.path in exempt:
            if planned.kind == "linear" and product is not None:
                energies[planned.path] = seen[product].product.right.detach().numpy().copy()
            continue
        if product is None:
            raise _refusal(planned.path, "the quantized generator computes it in some other way")
        try:
            found.append(_site(planned.path, planned.kind, seen[product], module))
        except affine.NotAffine as reason:
            raise _refusal(planned.path, str(reason)) from reason
    return found, energies


@dataclass(frozen=True)
class _Seen:
    product: Product
    bias: Tensor | None
    origins: tuple[str | None, ...]


def _site(path: str, kind: str, seen: _Seen, module: nn.Module) -> Site:
    left, right = seen.product.left, seen.product.right
    first = _activation(module, seen.origins[0], left)
    if kind == "matmul":
        return Site(path, (first, _activation(module, seen.origins[1], right)))
    if kind == "linear":
        right = right.transpose(-1, -2)
    weight = affine.weight(right.detach().numpy(), 1 if kind == "conv_transposed" else 0)
    return Site(path, (first,), weight, right.detach().clone(), seen.bias)


def _activation(module: nn.Module, origin: str | None, operand: Tensor) -> affine.Activation:
    if origin is None:
        raise affine.NotAffine("no module rounds its input")

    def quantizer(values: Tensor) -> Tensor:
        # As many dimensions as the operand has: some toolkits look at them.
        shaped = values.reshape([1] * (operand.ndim - 1) + [-1])
        with torch.no_grad():
            rounded: Tensor = module.get_submodule(origin)(shaped)
        return rounded.reshape(-1)

    return affine.activation(quantizer, float(operand.abs().max()))


def _bias(arguments: Mapping[str, Any]) -> Tensor | None:
    bias = arguments.get("bias", arguments.get("self") if "mat1" in arguments else None)
    return bias.detach().clone() if isinstance(bias, Tensor) else None


def _key(value: Tensor) -> int:
    address: int = value.untyped_storage()._cdata
    return address


@contextmanager
def _origins(module: nn.Module, origins: dict[int, str]) -> Iterator[None]:
    """Note for every storage which module of one input and one output of its shape gave it last."""
    kept: list[Tensor] = []  # so that no storage's address is used again

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if len(inputs) != 1 or not isinstance(output, Tensor) or not isinstance(inputs[0], Tensor):
                return
            if output.shape == inputs[0].shape and _key(output) != _key(inputs[0]):
                kept.append(output)
                origins[_key(output)] = name

        return hook

    with ExitStack() as handles:
        for name, child in module.named_modules():
            if name:
                handles.callback(child.register_forward_hook(note(name)).remove)
        yield


def _refusal(path: str, reason: str) -> UserError:
    return UserError(
        f"{path} can't be exported: {reason}.",
        "Export a cell whose method rounds every operand to a fixed grid, see docs/deploy.md.",
    )
