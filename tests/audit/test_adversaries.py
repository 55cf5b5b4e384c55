"""Modules that claim more than they do. Each is caught, by the rule that its test names."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from other_means import ALL, UNSEEN, Both, by_elements, by_numpy, by_unfold, replaced
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import _disable_current_modes, _get_current_dispatch_mode

from ganqbench.audit import AuditReport, audit

Quantize = Callable[..., nn.Module]


def share(report: AuditReport, *sites: str) -> float:
    return sum(op.macs for op in report.ops if op.site in sites) / report.macs


@pytest.mark.parametrize("means", [by_unfold, by_elements, *UNSEEN])
def test_these_means_compute_the_same_convolution(plain: nn.Module, images: Tensor, means: Any) -> None:
    with torch.no_grad():
        assert torch.allclose(replaced(plain, means, *ALL)(images), plain(images), atol=1e-5)


def test_full_precision_covers_nothing_but_its_own_claim(translator: nn.Module, images: Tensor) -> None:
    report = audit(copy.deepcopy(translator), (images,), reference=translator)
    assert report.coverage(8, 8) == report.coverage(16, 16) == 0
    assert report.coverage(32, 32) == 1
    assert report.failure(32, 32) is None
    assert "0.0%" in str(report.failure(8, 8))
    assert report.bops() == report.macs * 32 * 32
    assert report.packed_bytes == 4 * sum(value.numel() for value in translator.state_dict().values())


def test_one_quantized_layer_covers_its_share(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    one = quantize(plain, 4, 8, only=lambda name, _: name == "three")
    report = audit(one, (images,), reference=plain)
    assert report.coverage(4, 8) == pytest.approx(share(report, "three"))
    assert 0 < report.coverage(4, 8) < 0.1
    assert "two" in str(report.failure(4, 8))


def test_weights_alone_cover_nothing(translator: nn.Module, images: Tensor, quantize: Quantize) -> None:
    report = audit(quantize(translator, activations=lambda x: x), (images,), reference=translator)
    assert report.coverage(4, 8) == report.coverage(4, 16) == 0
    assert report.coverage(4, 32) == 1


def test_activations_alone_cover_the_products_of_activations_only(
    translator: nn.Module, images: Tensor, quantize: Quantize
) -> None:
    report = audit(quantize(translator, weights=lambda w, _: w), (images,), reference=translator)
    assert report.coverage(16, 8) == pytest.approx(share(report, "attention.scores", "attention.mix"))


def test_five_bits_claimed_as_four(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    report = audit(quantize(plain, 5, 8), (images,), reference=plain)
    assert (report.coverage(4, 8), report.coverage(5, 8)) == (0, 1)
    nine = quantize(plain, 4, activations=lambda x: (x.clamp(0, 0.249) * 2047).round() / 2047)
    report = audit(nine, (images,), reference=plain)
    assert (report.coverage(4, 8), report.coverage(4, 9)) == (0, 1)


def test_full_precision_linears_with_sixteen_inputs(images: Tensor, quantize: Quantize) -> None:
    # Sixteen values per channel are at most sixteen different ones, which looks like four bits.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16))
    report = audit(quantize(model, weights=lambda w, _: w), (images,), reference=model)
    assert report.coverage(4, 8) == report.coverage(16, 8) == 0


def test_a_codebook_is_not_four_bits(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    def codebook(weight: Tensor, _: int) -> Tensor:
        centres = weight.flatten().quantile(torch.linspace(0.02, 0.98, 16))
        return centres[(weight.flatten()[:, None] - centres).abs().argmin(1)].view_as(weight)

    report = audit(quantize(plain, weights=codebook), (images,), reference=plain)
    assert report.coverage(4, 8) == report.coverage(8, 8) == 0
    assert all(op.activation_levels for op in report.ops)


def test_a_scale_per_input_channel_is_not_deployable(
    plain: nn.Module, images: Tensor, quantize: Quantize
) -> None:
    def by_input(weight: Tensor, _: int) -> Tensor:
        step = weight.abs().amax((0, 2, 3), keepdim=True) / 7
        return (weight / step).round() * step

    report = audit(quantize(plain, weights=by_input), (images,), reference=plain)
    assert report.coverage(4, 8) == report.coverage(8, 8) == 0


def test_a_convolution_by_unfold_is_missing(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    hidden = replaced(quantize(plain, only=lambda name, _: name != "two"), by_unfold, "two")
    report = audit(hidden, (images,), reference=plain)
    (two,) = (op for op in report.sites if op.site == "two")
    assert two.match == "missing"
    assert [op.kind for op in report.ops if op.match == "extra"] == ["linear"]
    assert report.extra_macs == two.macs
    assert report.coverage(4, 8) < 0.1
    # Its weight at 4 bytes a value, as a site's and as the product's beyond; the others' at 4 bits.
    grids = sum(op.static and op.activation_levels is not None for op in report.ops)
    narrow, scales, biases = (864 + 864) // 2, 8 * (32 + 3), 4 * 67
    assert report.packed_bytes == narrow + scales + biases + 2 * 4 * 9216 + 8 * grids


@pytest.mark.parametrize("means", UNSEEN)
def test_a_layer_computed_where_no_operation_is_seen(
    plain: nn.Module, images: Tensor, quantize: Quantize, means: Any
) -> None:
    hidden = replaced(quantize(plain, only=lambda name, _: name != "two"), means, "two")
    report = audit(hidden, (images,), reference=plain)
    assert report.violations
    assert report.coverage(8, 8) == 0
    assert report.failure(8, 8) == report.violations[0]


@pytest.mark.parametrize("means", UNSEEN)
@pytest.mark.parametrize(
    "combine",
    [lambda claimed, hidden: hidden, lambda claimed, hidden: claimed + (hidden - claimed)],
    ids=["parallel", "additive"],
)
def test_a_side_branch_where_no_operation_is_seen(
    plain: nn.Module, images: Tensor, quantize: Quantize, means: Any, combine: Any
) -> None:
    report = audit(Both(quantize(plain), replaced(plain, means, *ALL), combine), (images,), reference=plain)
    assert report.violations
    assert report.coverage(4, 8) == 0


@pytest.mark.parametrize(
    "combine",
    [
        lambda claimed, hidden: hidden + 0 * claimed,
        lambda claimed, hidden: hidden + torch.zeros(()) * claimed,
        lambda claimed, hidden: hidden + 1e-12 * claimed,
        lambda claimed, hidden: claimed + (hidden - claimed),
    ],
    ids=["zero", "zero tensor", "tiny", "corrected"],
)
def test_full_precision_beside_decoys_of_the_same_shapes(
    plain: nn.Module, images: Tensor, quantize: Quantize, combine: Any
) -> None:
    report = audit(Both(quantize(plain), copy.deepcopy(plain), combine), (images,), reference=plain)
    assert report.coverage(4, 8) == 0


@pytest.mark.parametrize("weight", [0, 1e-12], ids=["zero", "tiny"])
def test_unfolded_full_precision_beside_decoys(
    plain: nn.Module, images: Tensor, quantize: Quantize, weight: float
) -> None:
    model = Both(quantize(plain), replaced(plain, by_unfold, *ALL), lambda q, h: h + weight * q)
    report = audit(model, (images,), reference=plain)
    assert report.extra_macs == report.macs
    assert report.coverage(4, 8) == 0


@pytest.mark.parametrize("names", [ALL, ("two",)], ids=["whole", "middle"])
def test_products_in_disguise_beside_decoys(
    plain: nn.Module, images: Tensor, quantize: Quantize, names: tuple[str, ...]
) -> None:
    class Decoyed(nn.Module):
        def __init__(self, layer: nn.Module, decoy: nn.Module) -> None:
            super().__init__()
            self.layer, self.decoy = layer, decoy

        def forward(self, x: Tensor) -> Tensor:
            return by_elements(x, self.layer) + 1e-6 * self.decoy(x)  # type: ignore[arg-type]

    model = quantize(plain)
    for name in names:
        setattr(model, name, Decoyed(getattr(plain, name), getattr(model, name)))
    report = audit(model, (images,), reference=plain)
    assert report.hidden_work > report.macs / 2
    assert report.coverage(4, 8) < 0.7
    if names == ALL:
        assert "silenced" in str(report.failure(4, 8))


def test_decoys_whose_results_are_dropped(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    blur = nn.AvgPool2d(3, 1, 1)
    report = audit(Both(quantize(plain), blur, lambda claimed, hidden: hidden), (images,), reference=plain)
    assert {op.match for op in report.ops} == {"missing", "extra"}
    assert report.coverage(4, 8) == 0


def test_a_wide_product_cut_into_narrow_ones(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    class Sliced(nn.Module):
        """Activations of twelve bits as the sum of two products with at most eight bits each."""

        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Tensor:
            high = (x * 64).round().clamp(-127, 127) / 64
            low = ((x - high) * 1024).round().clamp(-15, 15) / 1024
            return self.layer(high) + self.layer(low)

    model = quantize(plain, 8, activations=lambda x: x)
    for name in ALL:
        setattr(model, name, Sliced(getattr(model, name)))
    report = audit(model, (images,), reference=plain)
    assert report.coverage(8, 8) == 1
    assert "more MACs" in str(report.failure(8, 8))


def test_results_slipped_into_a_buffer(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    class Buffered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.claimed, self.hidden = quantize(plain), replaced(plain, by_numpy, *ALL)
            self.register_buffer("store", torch.zeros(2, 3, 16, 16))

        def forward(self, x: Tensor) -> Tensor:
            assert isinstance(self.store, Tensor)
            with _disable_current_modes():
                self.store.copy_(self.hidden(x))
            return self.store + 1e-3 * self.claimed(x)

    report = audit(Buffered(), (images,), reference=plain)
    assert "outside the tensor operations" in str(report.failure(4, 8))


def test_behaving_only_while_watched(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    class Shy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.claimed, self.hidden = quantize(plain), copy.deepcopy(plain)

        def forward(self, x: Tensor) -> Tensor:
            return (self.hidden if _get_current_dispatch_mode() is None else self.claimed)(x)

    report = audit(Shy(), (images,), reference=plain)
    assert "watched" in str(report.failure(4, 8))


def test_images_that_owe_nothing_to_the_input(plain: nn.Module, images: Tensor) -> None:
    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(2, 3, 16, 16)

    assert audit(Constant(), (images,), reference=plain).violations


def test_fused_attention_is_full_precision(images: Tensor) -> None:
    class Fused(nn.Module):
        def __init__(self, fused: bool) -> None:
            super().__init__()
            self.fused = fused
            self.key = nn.Conv2d(3, 8, 1)

        def forward(self, x: Tensor) -> Tensor:
            key = self.key(x).flatten(2).transpose(1, 2).contiguous()  # or SDPA decomposes
            if self.fused:
                return F.scaled_dot_product_attention(key[:, None], key[:, None], key[:, None])
            return ((key @ key.transpose(1, 2)).softmax(-1) @ key)[:, None]

    torch.manual_seed(0)
    whole, fused = Fused(False), Fused(True)
    fused.load_state_dict(whole.state_dict())
    report = audit(fused, (images,), reference=whole)
    assert [op.kind for op in report.ops if op.match == "extra"] == ["attention"]
    assert [op.match for op in report.ops if op.kind == "matmul"] == ["missing", "missing"]
    assert report.extra_macs == 2 * 2 * 256 * 256 * 8
