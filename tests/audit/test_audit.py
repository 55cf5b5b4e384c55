"""Honest modules are credited with what they do, however they are written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import asdict

import pytest
import torch
from torch import Tensor, nn

from ganqbench.audit import audit

Quantize = Callable[..., nn.Module]

SITES = [
    ("first.1", "conv"),
    ("down.0", "conv"),
    ("attention.query", "conv"),
    ("attention.scores", "matmul"),
    ("attention.mix", "matmul"),
    ("attention.gate", "linear"),
    ("middle.0", "conv"),
    ("up.0", "conv_transposed"),
    ("last.0", "conv"),
]


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_fake_quantization_by_hand(
    translator: nn.Module,
    images: Tensor,
    quantize: Quantize,
    quantizers: dict[str, Quantize],
    bits: int,
    granularity: str,
) -> None:
    quantized = quantize(translator, weights=quantizers[granularity](bits))
    report = audit(quantized, (images,), reference=translator)
    assert report.violations == ()
    assert [(op.site, op.kind) for op in report.ops] == SITES
    assert report.coverage(bits, 8) == 1
    assert report.failure(bits, 8) is None
    assert report.coverage(bits - 1, 8) < 0.25  # the products of activations
    assert all(op.weight_bits == bits for op in report.ops if op.kind != "matmul")
    assert {op.weight_granularity for op in report.ops if op.kind != "matmul"} == {granularity}
    assert all(op.static and op.activation_granularity == "tensor" for op in report.ops)
    assert torch.equal(report.images, quantized(images))


def test_macs_and_scale_groups_of_every_kind(
    translator: nn.Module, images: Tensor, quantize: Quantize
) -> None:
    report = audit(quantize(translator), (images,), reference=translator)
    found = {op.site: (op.macs, op.weights, op.scale_groups) for op in report.ops}
    assert found["down.0"] == (2 * 8 * 8 * 24 * 12 * 9, 24 * 12 * 9, 24)
    assert found["middle.0"] == (2 * 8 * 8 * 24 * 12 * 9, 24 * 12 * 9, 24)
    assert found["up.0"] == (2 * 8 * 8 * 24 * 6 * 9, 24 * 6 * 9, 12)
    assert found["attention.gate"] == (2 * 24 * 24, 24 * 24, 24)
    assert found["attention.scores"] == (2 * 64 * 12 * 64, 0, 1)
    assert report.extra_macs == report.hidden_work == 0


def test_dynamic_ranges_are_labelled(
    translator: nn.Module, images: Tensor, quantize: Quantize, per_sample: Callable[[int], Quantize]
) -> None:
    report = audit(quantize(translator, activations=per_sample(6)), (images,), reference=translator)
    assert report.coverage(4, 6) > 0.99
    assert {op.activation_granularity for op in report.ops if op.kind == "conv"} == {"sample"}
    assert not any(op.static for op in report.ops if op.kind == "conv")
    per_batch = quantize(
        translator, activations=lambda x: (x / x.abs().max() * 127).round() * (x.abs().max() / 127)
    )
    report = audit(per_batch, (images,), reference=translator, second=(images * 0.9,))
    assert report.coverage(4, 8) == 1
    assert (report.ops[0].activation_granularity, report.ops[0].static) == ("tensor", False)


def test_bit_operations_and_packed_size(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    report = audit(quantize(plain, 4, 8), (images,), reference=plain)
    assert report.bops() == sum(op.macs * 4 * op.activation_bits for op in report.ops)
    weights, biases, channels = 864 + 9216 + 864, 67, 67
    assert report.packed_bytes == weights // 2 + 8 * channels + 4 * biases + 3 * 8


def test_inference_mode_inside_and_outside(translator: nn.Module, images: Tensor, quantize: Quantize) -> None:
    class Inferring(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        @torch.inference_mode()
        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    plainly = audit(quantize(translator), (images,), reference=translator)
    inside = audit(Inferring(quantize(translator)), (images,), reference=translator)
    with torch.inference_mode():
        outside = audit(quantize(translator), (images,), reference=translator)
    assert plainly == inside == outside


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_traced_exported_and_compiled_modules(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    plainly = audit(quantize(plain), (images,), reference=plain)
    with torch.no_grad():
        others = [
            torch.jit.trace(quantize(plain), (images,)),
            torch.export.export(quantize(plain), (images,)).module(),
            torch.compile(quantize(plain), backend="eager"),
        ]
    for other in others:
        assert audit(other, (images,), reference=plain) == plainly


def test_autograd_makes_no_difference(translator: nn.Module, images: Tensor, quantize: Quantize) -> None:
    with torch.enable_grad():
        report = audit(quantize(translator), (images.requires_grad_(),), reference=translator)
    assert report.coverage(4, 8) == 1


def test_two_audits_agree_and_leave_no_trace(
    translator: nn.Module, images: Tensor, quantize: Quantize
) -> None:
    quantized, before, state = quantize(translator), images.clone(), torch.random.get_rng_state()
    values = copy.deepcopy(quantized.state_dict())
    assert audit(quantized, (images,), reference=translator) == audit(
        quantized, (images,), reference=translator
    )
    assert torch.equal(images, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, values[name]) for name, value in quantized.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in quantized.modules())


def test_the_report_is_plain_data(plain: nn.Module, images: Tensor, quantize: Quantize) -> None:
    first = audit(quantize(plain), (images,), reference=plain).ops[0]
    row = asdict(first)
    assert json.loads(json.dumps(row)) == row
    assert (row["site"], row["weight_levels"], first.weight_bits) == ("one", 15, 4)


def test_exempt_sites_leave_the_count_and_declared_ones_are_shown(
    translator: nn.Module, images: Tensor, quantize: Quantize
) -> None:
    ends = quantize(translator, only=lambda name, _: name not in ("first.1", "last.0"))
    whole = audit(ends, (images,), reference=translator)
    assert whole.coverage(4, 8) < 0.9
    exempt = audit(ends, (images,), reference=translator, exempt=("first.1", "last.0"))
    assert exempt.coverage(4, 8) == 1
    assert exempt.macs < whole.macs
    by_predicate = audit(
        ends, (images,), reference=translator, exempt=lambda op: op.weights in (324, 1296 // 4)
    )
    assert by_predicate.macs == exempt.macs
    declared = audit(ends, (images,), reference=translator, declared=("first", "last.0"))
    assert declared.coverage(4, 8) == whole.coverage(4, 8)
    assert declared.coverage(4, 8, declared=False) == 1
    assert declared.failure(4, 8) is None
    assert whole.failure(4, 8) is not None
    assert [op.site for op in declared.ops if op.declared] == ["first.1", "last.0"]
    most = audit(ends, (images,), reference=translator, declared=("down", "middle", "first", "last", "up"))
    assert "half" in str(most.failure(4, 8))


def test_extra_quantized_products_cost_bit_operations_only(
    plain: nn.Module, images: Tensor, quantize: Quantize
) -> None:
    class Corrected(nn.Module):
        def __init__(self, bits: int) -> None:
            super().__init__()
            self.inner = quantize(plain, 4, 8)
            self.correction = quantize(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1)), bits, 8)

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) + self.correction(x)

    report = audit(Corrected(4), (images,), reference=plain)
    assert report.coverage(4, 8) == 1
    assert report.ops[-1].match == "extra"
    assert report.bops() > audit(quantize(plain, 4, 8), (images,), reference=plain).bops()
    assert 0.97 < audit(Corrected(8), (images,), reference=plain).coverage(4, 8) < 1


def test_a_path_around_all_products_is_the_references_own(images: Tensor, quantize: Quantize) -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.conv(x)

    model = Residual()
    assert audit(quantize(model), (images,), reference=model).failure(4, 8) is None


def test_inputs_that_cannot_be_audited(plain: nn.Module, images: Tensor) -> None:
    with pytest.raises(ValueError, match="at least one input"):
        audit(plain, (), reference=plain)
    with pytest.raises(ValueError, match="images are"):
        audit(nn.Sequential(plain, nn.AvgPool2d(2)), (images,), reference=plain)

    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(TypeError, match="tuple"):
        audit(Pair(), (images,), reference=plain)
