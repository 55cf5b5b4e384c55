"""What reaches the products of a fake-quantized generator, site by site, as integers.

No backend is asked: its module is watched as in the audit. A weight is read where it enters its
product; the quantizer of an activation is the module that the operand came out of, and its
range is found out by feeding it. So is how a method scales channels and images before that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
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
    has two `activations`. `factors` multiply the channels (dimension 1) of the first before it is rounded;
    where it is `levelled`, each item is then divided by its root mean square, which the product gets back.
    """

    path: str
    activations: tuple[affine.Activation, ...]
    weight: affine.Weight | None = None
    values: Tensor | None = None
    bias: Tensor | None = None
    factors: NDArray[np.float32] | None = None
    levelled: bool = False


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
        seen.append(_Seen(product, _bias(arguments), tuple(origins.of(one) for one in operands)))

    plan = watch(reference, inputs)
    origins = _Origins()
    with origins.noted(module):
        run = watch(module, inputs, record=record)
    found, energies = [], {}
    exempt, known = reference.exempt_modules(), {name for name, _ in reference.named_modules()}
    for place, product in match(plan, run):
        if place is None:
            continue
        planned = plan.observations[place]
        if planned.path in exempt:
            if planned.kind == "linear" and product is not None:
                energies[planned.path] = seen[product].product.right.detach().numpy().copy()
            continue
        if product is None:
            raise _refusal(planned.path, "the quantized generator computes it in some other way")
        try:
            site = _site(planned.path, planned.kind, seen[product], module, known)
            if site.levelled:
                layer = reference.get_submodule(site.path)
                site = replace(site, factors=_sized(site, layer, seen[product].product.left, module, inputs))
            found.append(site)
        except affine.NotAffine as reason:
            raise _refusal(planned.path, str(reason)) from reason
    return found, energies


@dataclass(frozen=True)
class _Origin:
    """The module that a value came out of, and the one that its input came out of; None for no module."""

    path: str
    before: str | None


@dataclass(frozen=True)
class _Seen:
    product: Product
    bias: Tensor | None
    origins: tuple[_Origin | None, ...]


def _site(path: str, kind: str, seen: _Seen, module: nn.Module, known: set[str]) -> Site:
    left, right = seen.product.left, seen.product.right
    first = _activation(module, seen.origins[0], left)
    if kind == "matmul":
        return Site(path, (first, _activation(module, seen.origins[1], right)))
    if kind == "linear":
        right = right.transpose(-1, -2)
    weight = affine.weight(right.detach().numpy(), 1 if kind == "conv_transposed" else 0)
    before = None if seen.origins[0] is None else seen.origins[0].before
    inserted = None if before is None or before in known else module.get_submodule(before)
    factors, levelled = (None, False) if inserted is None else _scaling(inserted, left)
    return Site(path, (first,), weight, right.detach().clone(), seen.bias, factors, levelled)


def _scaling(inserted: nn.Module, operand: Tensor) -> tuple[NDArray[np.float32] | None, bool]:
    """By what a module that full precision lacks multiplies each channel, and whether it levels items.

    No factors and False if that isn't all it does.
    """
    shape = (2, operand.shape[1], *(1 for _ in operand.shape[2:]))
    values = torch.linspace(-3, 3, 2 * operand.shape[1]).reshape(shape)
    with torch.no_grad():
        factors: Tensor = inserted(torch.ones(shape))[:1]
        scaled, doubled = inserted(values), inserted(2 * values)
    expected = values * factors
    levelled = torch.allclose(doubled, scaled, rtol=1e-5, atol=0)
    if levelled:
        expected = expected / expected.square().mean(tuple(range(1, expected.ndim)), keepdim=True).sqrt()
    if not torch.allclose(scaled, expected, rtol=1e-4 if levelled else 1e-5, atol=0):
        return None, False
    alike = bool((factors == factors.flatten()[0]).all()) if levelled else bool((factors == 1).all())
    return None if alike else factors.flatten().numpy().copy(), levelled


def _sized(
    site: Site, reference: nn.Module, operand: Tensor, module: nn.Module, inputs: Inputs
) -> NDArray[np.float32] | None:
    """The factors of a levelled site times the constant that its operand doesn't show.

    Items of one size look alike whatever the factors' common scale, yet what the product gets back has it:
    so the layer's output is set against the product itself. None where all factors are 1.
    """
    assert site.values is not None
    given, given_back = _passed(module, site.path, inputs)
    plain: Any = copy.deepcopy(reference).requires_grad_(False)
    plain.weight.copy_(site.values)
    plain.bias = None
    product = plain(operand)
    if site.bias is not None:
        given_back = given_back - site.bias.view(1, -1, *[1] * (given_back.ndim - 2))
    channels = (1, -1, *[1] * (given.ndim - 2))
    factors = torch.ones(given.shape[1]) if site.factors is None else torch.from_numpy(site.factors)
    size = (given * factors.view(channels)).square().flatten(1).mean(1).sqrt()
    ratios = (given_back * product).flatten(1).sum(1) / product.square().flatten(1).sum(1) / size
    scale = ratios.median()
    if not torch.allclose(ratios, scale, rtol=1e-3, atol=0):
        raise affine.NotAffine("its items don't get back the size that they lost")
    exact = factors * scale
    return None if torch.allclose(exact, torch.ones(()), rtol=1e-5, atol=0) else exact.numpy()


def _passed(module: nn.Module, path: str, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """What a layer is given and what leaves it, with all that is hooked on to it in between."""
    given: list[Tensor] = []
    layer = module.get_submodule(path)
    handles = (
        layer.register_forward_pre_hook(lambda _, values: given.append(values[0]), prepend=True),
        layer.register_forward_hook(lambda _, __, output: given.append(output)),
    )
    try:
        with torch.no_grad():
            module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return given[0], given[-1]


def _activation(module: nn.Module, origin: _Origin | None, operand: Tensor) -> affine.Activation:
    if origin is None:
        raise affine.NotAffine("no module rounds its input")

    def quantizer(values: Tensor) -> Tensor:
        # As many dimensions as the operand has: some toolkits look at them.
        shaped = values.reshape([1] * (operand.ndim - 1) + [-1])
        with torch.no_grad():
            rounded: Tensor = module.get_submodule(origin.path)(shaped)
        return rounded.reshape(-1)

    return affine.activation(quantizer, float(operand.abs().max()))


def _bias(arguments: Mapping[str, Any]) -> Tensor | None:
    bias = arguments.get("bias", arguments.get("self") if "mat1" in arguments else None)
    return bias.detach().clone() if isinstance(bias, Tensor) else None


def _key(value: Tensor) -> int:
    address: int = value.untyped_storage()._cdata
    return address


@dataclass
class _Origins:
    """Which module of one input and one output of its shape gave each storage last."""

    _by_key: dict[int, _Origin] = field(default_factory=dict)
    _kept: list[Tensor] = field(default_factory=list)  # so that no storage's address is used again

    def of(self, value: Tensor) -> _Origin | None:
        return self._by_key.get(_key(value))

    @contextmanager
    def noted(self, module: nn.Module) -> Iterator[None]:
        """Note them inside."""
        with ExitStack() as handles:
            for name, child in module.named_modules():
                if name:
                    handles.callback(child.register_forward_hook(self._note(name)).remove)
            yield

    def _note(self, name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if len(inputs) != 1 or not isinstance(output, Tensor) or not isinstance(inputs[0], Tensor):
                return
            if output.shape == inputs[0].shape and _key(output) != _key(inputs[0]):
                self._kept += [inputs[0], output]
                before = self.of(inputs[0])
                self._by_key[_key(output)] = _Origin(name, None if before is None else before.path)

        return hook


def _refusal(path: str, reason: str) -> UserError:
    return UserError(
        f"{path} can't be exported: {reason}.",
        "Export a cell whose method rounds every operand to a fixed grid, see docs/deploy.md.",
    )
