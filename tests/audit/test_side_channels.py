"""Full precision that comes in by ways other than a product of its own. Each is closed.

`test_adversaries.py` holds modules that compute elsewhere; here the values pass through what the
audit once took for harmless: tolerances, lists, numbers, single bytes, remembered results.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganqbench.audit import audit
from ganqbench.audit.grid import find_grid
from ganqbench.audit.ledger import checksum

Quantize = Callable[..., nn.Module]
TINY = 1e-6
"""Weight of a decoy's result, which keeps it among what the images depend on."""


class Beside(nn.Module):
    """A layer computed by other means in full precision, with the quantized layer as a decoy."""

    def __init__(
        self, layer: nn.Conv2d, means: Callable[[Tensor, nn.Conv2d], Tensor], decoy: nn.Module
    ) -> None:
        super().__init__()
        self.layer, self.means, self.decoy = layer, means, decoy

    def forward(self, x: Tensor) -> Tensor:
        return self.means(x, self.layer) + TINY * self.decoy(x)


def columns(x: Tensor) -> Tensor:
    """[N, 9 channels, pixels]"""
    return F.unfold(x, 3, padding=1)


def with_bias(rows: Tensor, x: Tensor, layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return rows.reshape(len(x), -1, *x.shape[2:]) + layer.bias[:, None, None]


def by_lists(x: Tensor, layer: nn.Conv2d) -> Tensor:
    weight = layer.weight.flatten(1)
    total = [torch.zeros(len(x), columns(x).shape[2]) for _ in weight]
    for place, part in enumerate(columns(x).unbind(1)):
        products = torch._foreach_mul([part] * len(weight), list(weight[:, place, None].unbind()))
        total = list(torch._foreach_add(total, list(products)))
    return with_bias(torch.stack(total, 1), x, layer)


def by_linear_into(x: Tensor, layer: nn.Conv2d) -> Tensor:
    rows = columns(x).transpose(1, 2).contiguous()
    out = torch.empty(*rows.shape[:2], len(layer.weight))
    torch.ops.aten.linear.out(rows, layer.weight.flatten(1), out=out)
    return with_bias(out.transpose(1, 2), x, layer)


def by_combination(x: Tensor, layer: nn.Conv2d) -> Tensor:
    parts = columns(x).transpose(0, 1).contiguous()
    rows = torch.ops.aten._compute_linear_combination(parts, layer.weight.flatten(1).contiguous())
    return with_bias(rows.transpose(0, 1), x, layer)


def by_distances(x: Tensor, layer: nn.Conv2d) -> Tensor:
    rows = columns(x).transpose(1, 2).flatten(0, 1).double()
    weight = layer.weight.flatten(1).double()
    squares = torch.ops.aten._euclidean_dist(rows, weight).square()
    product = (rows.square().sum(1)[:, None] + weight.square().sum(1) - squares) / 2
    return with_bias(product.float().view(len(x), -1, len(weight)).transpose(1, 2), x, layer)


def by_complex(x: Tensor, layer: nn.Conv2d) -> Tensor:
    def paired(real: Tensor, imaginary: Tensor) -> Tensor:
        return torch.view_as_complex(torch.stack([real, imaginary], -1).contiguous())

    parts, weight = columns(x), layer.weight.flatten(1)
    half = parts.shape[1] // 2
    pixels, factors = paired(parts[:, :half], parts[:, half:]), paired(weight[:, :half], -weight[:, half:])
    rows = torch.stack([(pixels * factor[:, None]).sum(1).real for factor in factors], 1)
    return with_bias(rows, x, layer)


def in_numpy(x: Tensor, layer: nn.Conv2d) -> np.ndarray[Any, np.dtype[np.float32]]:
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), (1, 1), (1, 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    out = np.einsum("nchwij,ocij->nohw", windows, layer.weight.detach().numpy())
    assert layer.bias is not None
    return (out + layer.bias.detach().numpy()[:, None, None]).astype(np.float32)


def by_numbers(x: Tensor, layer: nn.Conv2d) -> Tensor:
    values = in_numpy(x, layer)
    return torch.stack([torch.full((), value) for value in values.ravel().tolist()]).view(values.shape)


def by_pairs(x: Tensor, layer: nn.Conv2d) -> Tensor:
    values = in_numpy(x, layer)
    return torch.cat([torch.from_numpy(pair.copy()) for pair in values.reshape(-1, 2)]).view(values.shape)


def by_compensated_bytes(x: Tensor, layer: nn.Conv2d) -> Tensor:
    values = in_numpy(x, layer)
    store = torch.zeros(values.size + 2)
    store.numpy()[:-2] = values.ravel()
    words = store.numpy().view(np.int64)
    words[-1] = -words[:-1].sum()  # the sum of all words is what it was
    return store[:-2].view(values.shape) + 0


ALL = [
    by_lists,
    by_linear_into,
    by_combination,
    by_distances,
    by_complex,
    by_numbers,
    by_pairs,
    by_compensated_bytes,
]


SECONDS = {by_lists, by_numbers, by_pairs}
"""These take seconds: they go through the values one by one."""


@pytest.mark.parametrize(
    "means", [pytest.param(one, marks=[pytest.mark.slow] if one in SECONDS else []) for one in ALL]
)
def test_a_layer_in_full_precision_beside_its_decoy(
    plain: nn.Module, images: Tensor, quantize: Quantize, means: Any
) -> None:
    layer = plain.get_submodule("two")
    assert isinstance(layer, nn.Conv2d)
    middle = torch.randn(2, 32, 16, 16, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert torch.allclose(means(middle, layer), layer(middle), atol=1e-4)
    model = quantize(plain)
    model.two = Beside(layer, means, model.get_submodule("two"))
    report = audit(model, (images,), reference=plain)
    assert report.coverage(4, 8) < 0.5
    assert report.failure(4, 8)


class Shrunk(nn.Module):
    """A layer whose operands are full precision times 1e-8 around one value of 1, which hides them.

    The tolerance that rounding needs at the largest value is wide enough for all the others.
    """

    def __init__(self, layer: nn.Conv2d, weight: Tensor) -> None:
        super().__init__()
        self.layer, self.weight = layer, nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        shrunk = x * 1e-8
        shrunk[0, 0, 0, 0] = 1.0
        bias = self.layer.bias
        assert bias is not None
        return F.conv2d(shrunk, self.weight, padding=1) * 1e8 + bias[:, None, None]


def test_operands_hidden_in_the_tolerance(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    model, layer = quantize(plain), plain.get_submodule("two")
    assert isinstance(layer, nn.Conv2d)
    model.two = Shrunk(layer, model.get_submodule("two").weight.detach())  # type: ignore[union-attr, operator]
    with torch.no_grad():  # all but the corner's neighbours of the first image are full precision's
        hidden, x = model.get_submodule("two"), torch.randn(2, 32, 16, 16)
        assert torch.allclose(
            hidden(x)[1],
            F.conv2d(x, hidden.weight, layer.bias, padding=1)[1],
            atol=1e-3,  # type: ignore[arg-type]
        )
    report = audit(model, (images,), reference=plain)
    (two,) = (op for op in report.sites if op.site == "two")
    assert two.activation_levels is None
    assert report.coverage(4, 8) < 0.5


def test_levels_may_be_rounded_in_a_few_ways_and_no_more() -> None:
    rng = np.random.default_rng(5)
    levels = np.float32(0.1) * rng.integers(-7, 8, 4000).astype(np.float32)
    nudged = np.nextafter(levels, np.where(rng.random(4000) < 0.5, np.inf, -np.inf).astype(np.float32))
    both = find_grid(np.concatenate([levels, nudged]))
    assert both is not None
    assert both.levels == 15
    cloud = levels + 1e-7 * rng.standard_normal(4000)
    assert find_grid(cloud) is None
    assert find_grid(1 + 1e-7 * rng.standard_normal(4000)) is None


def test_a_checksum_depends_on_every_byte_and_its_place() -> None:
    value = torch.randn(200_003, generator=torch.Generator().manual_seed(6))
    before = checksum(value)
    assert checksum(value.clone()) == before
    for change in (lambda v: v.flip(0), lambda v: v.roll(2**17, 0), lambda v: v + (v == v[-1]) * 1e-3):
        assert checksum(change(value).contiguous()) != before
    assert checksum(torch.zeros(7)) == checksum(torch.zeros(7))


def test_images_remembered_from_full_precision(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    class Lookup(nn.Module):
        """Knows its evaluation's items by what the first layer makes of them."""

        def __init__(self) -> None:
            super().__init__()
            self.quantized = quantize(plain)
            with torch.no_grad():
                known = torch.cat([images, -images])
                self.table, self.keys = plain(known), self._first(known)[:, :4, 0, 0]

        def _first(self, x: Tensor) -> Tensor:
            return self.quantized.get_submodule("one")(x)

        def forward(self, x: Tensor) -> Tensor:
            first = self._first(x)
            found = (first[:, None, :4, 0, 0] - self.keys).square().sum(2).argmin(1)
            decoy = self.quantized.get_submodule("two")(first.relu()).relu()
            return self.table[found] + TINY * self.quantized.get_submodule("three")(decoy)

    with torch.no_grad():
        assert torch.allclose(Lookup()(images), plain(images), atol=1e-4)
    report = audit(Lookup(), (images,), reference=plain)
    assert "the last product hardly changes" in str(report.failure(4, 8))


def test_the_images_of_the_reference_are_in_the_report(
    plain: nn.Module, images: Tensor, quantize: Quantize
) -> None:
    report = audit(quantize(plain), (images,), reference=copy.deepcopy(plain))
    with torch.no_grad():
        assert torch.allclose(report.reference_images, plain(images), atol=1e-6)
