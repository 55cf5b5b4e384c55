"""Whole methods on small generators of each architecture."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from ganqbench.adapter import exempt_modules
from ganqbench.adapters.ganq import Ganq
from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
from ganqbench.adapters.ganq.distill import distill
from ganqbench.adapters.ganq.products import operands, products, weight_chain, weighted
from ganqbench.adapters.ganq.quantizers import LSQ
from ganqbench.audit import audit
from ganqbench.cell import Bits, Cell
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, Inputs
from ganqbench.zoo.modulated import ModulatedConv
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.stylegan2 import StyleGAN2

LEARNED = [name for name, method in Ganq.methods.items() if method.kind == "qat"]
EXPECTED_PARAMETERS = {
    "lsq": {"step"},
    "lsq-plus": {"step", "offset"},
    "qat-lsq": {"step", "offset"},
    "qat-smooth-lsq": {"step", "offset"},
    "qat-smooth-gptq-ends8": {"step", "offset"},
    "qat-smooth-gptq": {"step", "offset"},
    "qat-even-gptq-ends8": {"step", "offset"},
    "qat-even-gptq": {"step", "offset"},
    "pact": {"upper", "lower"},
    "dorefa": set(),
    "ewgs": {"upper", "lower"},
}


def test_images_are_levelled_only_where_channels_are_evened_out() -> None:
    """`level` is a word to `equalize`, which nobody calls without a strength."""
    schemes = {name: Scheme(**method.options.get("scheme", {})) for name, method in Ganq.methods.items()}
    levelled = {name for name, scheme in schemes.items() if scheme.level}
    assert "even" in levelled
    assert levelled <= {name for name, scheme in schemes.items() if scheme.equalize is not None}


def generator() -> Generator:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(5)
        return StyleGAN2((8, 8), z_dim=8, w_dim=8, mapping_layers=2).eval()


def quantize(method: str, bits: str = "", seed: int = 0) -> tuple[nn.Module, Generator, Inputs]:
    """A quantized generator, itself, and inputs; of W4A8, or what the method is for."""
    bits = bits or ("W8A8" if method.startswith("mixed") else "W4A8")
    exact = generator()
    inputs = exact.sample_inputs(12, 0)
    cell = Cell(
        suite="t", suite_version=0, gan="t", adapter="ganq", method=method, bits=Bits.parse(bits), seed=seed
    )
    return Ganq().quantize(copy.deepcopy(exact), [inputs], cell), exact, inputs


@cache
def _once(method: str, seed: int) -> tuple[nn.Module, Generator, Inputs]:
    return quantize(method, seed=seed)


def shared(method: str, seed: int = 0) -> tuple[nn.Module, Generator, Inputs]:
    """What `quantize` gives, as a copy of what it gave before."""
    module, exact, inputs = _once(method, seed)
    return copy.deepcopy(module), exact, inputs


def error(module: nn.Module, exact: nn.Module, inputs: Inputs) -> float:
    with torch.no_grad():
        return float((module(*inputs) - exact(*inputs)).square().mean())


@pytest.mark.parametrize("method", Ganq.methods)
def test_gradients_reach_every_weight_and_learned_range(method: str) -> None:
    module, _, inputs = shared(method)
    module(*inputs).square().sum().backward()
    assert Ganq.methods[method].trainable
    for layer in weighted(module).values():
        gradient = weight_chain(layer).original.grad
        assert gradient is not None
        assert gradient.any()
    for product in products(module).values():
        for quantizer in operands(product):
            ranges = dict(quantizer.named_parameters())
            assert set(ranges) == EXPECTED_PARAMETERS.get(method, set())
            for name, parameter in ranges.items():
                assert parameter.grad is not None
                assert parameter.grad.any() or name != "step"  # others move with what is clipped, if anything


@pytest.mark.parametrize("method", LEARNED)
def test_an_optimizer_can_go_on(method: str) -> None:
    """What a fine-tuning recipe does with the module it gets."""
    module, exact, inputs = quantize(method, "W3A8")
    before = error(module, exact, inputs)
    with torch.no_grad():
        images = exact(*inputs)
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 80)
    for _ in range(80):
        loss = (module(*inputs) - images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    assert error(module, exact, inputs) < 0.9 * before
    declared = exempt_modules(Ganq.methods[method], exact)
    report = audit(module, tuple(value[:4] for value in inputs), reference=exact, declared=declared)
    assert report.failure(3, 8) is None
    assert report.coverage(3, 8, declared=not declared) == 1


@pytest.mark.parametrize("weights", ["lsq", "dorefa", "ewgs"])
def test_distillation_brings_the_images_closer(weights: str) -> None:
    exact = generator()
    inputs = exact.sample_inputs(32, 0)
    model = copy.deepcopy(exact)
    insert_quantizers(model, [inputs], Bits(3, 8), Scheme(weights=weights))  # type: ignore[arg-type]
    before = error(model, exact, inputs)
    distill(model, exact, [inputs], 3, seed=0)
    assert error(model, exact, inputs) < 0.9 * before
    assert all(parameter.grad is None for parameter in model.parameters())


def test_learned_rounding_beats_that_to_the_nearest() -> None:
    module, exact, inputs = quantize("adaround", "W3A8")
    nearest, _, _ = quantize("ptq-mse", "W3A8")
    assert error(module, exact, inputs) < error(nearest, exact, inputs)


@pytest.mark.parametrize("method", ["qdrop", "lsq"])
def test_the_seed_matters(method: str) -> None:
    states = [shared(method, seed)[0].state_dict() for seed in (0, 1)]
    assert any(not torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_dynamic_ranges_are_labelled_by_the_audit() -> None:
    for method, dynamic in (("ptq-dynamic", True), ("ptq-minmax", False)):
        module, exact, inputs = quantize(method, "W8A8")
        report = audit(module, inputs, reference=exact)
        assert report.failure(8, 8) is None
        granularities = {op.activation_granularity for op in report.sites}
        assert ("sample" in granularities) == dynamic
        assert all(op.static for op in report.sites) != dynamic


@pytest.mark.parametrize("method", Ganq.methods)
def test_the_scale_groups_are_those_that_are_claimed(method: str) -> None:
    module, _, _ = shared(method)
    for layer in weighted(module).values():
        quantizer = weight_chain(layer)[0]
        groups = next(iter([*quantizer.parameters(), *quantizer.buffers()])).numel()
        outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        assert groups == (1 if method.endswith("per-tensor") else outputs)


def test_demodulation_sees_the_quantized_weights() -> None:
    module, _, _ = quantize("ptq-minmax", "W2A8")
    convolutions = [part.conv for part in module.modules() if isinstance(part, ModulatedConv)]
    assert convolutions
    for conv in convolutions:
        channels = conv.weight.transpose(0, 1) if isinstance(conv, nn.ConvTranspose2d) else conv.weight
        assert all(len(channel.unique()) <= 4 for channel in channels)


def test_a_state_loads_into_a_fresh_module() -> None:
    module, exact, inputs = shared("lsq")
    other, _, _ = shared("lsq", 1)
    assert error(other, module, inputs) > 0
    other.load_state_dict(module.state_dict())
    assert error(other, module, inputs) == 0
    assert error(other, exact, inputs) > 0


def test_signs_of_steps_do_not_matter() -> None:
    module, _, inputs = shared("lsq")
    with torch.no_grad():
        before: Tensor = module(*inputs)
        for part in module.modules():
            if isinstance(part, LSQ):
                part.step.neg_()
        assert torch.equal(module(*inputs), before)


def test_a_layer_that_never_runs_is_named() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.used(x)
            return result

    with pytest.raises(ValueError, match="idle did not run"):
        insert_quantizers(Idle(), [(torch.randn(3, 2),)], Bits(4, 8), Scheme())


def test_both_operands_of_attention_have_quantizers() -> None:
    model = SAGAN((16, 16), z_dim=8, classes=3, attention=(1,)).eval()
    insert_quantizers(model, [model.sample_inputs(4, 0)], Bits(8, 8), Scheme())
    counts = {name: len(operands(product)) for name, product in products(model).items()}
    assert {name for name, count in counts.items() if count == 2} == {"blocks.1.0.scores", "blocks.1.0.mix"}


@pytest.mark.parametrize("method", [name for name in Ganq.methods if name.endswith("-ends8")])
def test_wider_ends_are_the_first_and_last_layers_and_no_others(method: str) -> None:
    module, exact, inputs = shared(method)
    _assert_ends(
        module,
        exact,
        inputs,
        method,
        {"mapping.layers.0", "synthesis.b8.torgb.modulated.affine", "synthesis.b8.torgb.modulated.conv"},
    )


def test_the_last_image_layer_is_that_of_the_generator_at_hand() -> None:
    """At 64 pixels the image layer of 32 is no last one, and has the claimed width."""
    exact = StyleGAN2((8,) * 5, z_dim=8, w_dim=8, mapping_layers=2).eval()
    inputs = exact.sample_inputs(4, 0)
    cell = Cell.model_validate(
        {"suite": "t", "suite_version": 0, "gan": "t", "adapter": "ganq", "method": "smooth-gptq-ends8"}
        | {"bits": "W4A8", "seed": 0}
    )
    module = Ganq().quantize(copy.deepcopy(exact), [inputs], cell)
    last = {"mapping.layers.0", "synthesis.b64.torgb.modulated.affine", "synthesis.b64.torgb.modulated.conv"}
    _assert_ends(module, exact, inputs, cell.method, last)


def _assert_ends(module: nn.Module, exact: Generator, inputs: Inputs, method: str, last: set[str]) -> None:
    """Only the layers in `last` have wider weights, and they alone are declared."""
    declared = exempt_modules(Ganq.methods[method], exact)
    report = audit(module, inputs, reference=exact, declared=declared)
    widths = {op.site: op.weight_bits for op in report.sites}
    assert {site for site, bits in widths.items() if bits > 4} == last
    assert {op.site for op in report.sites if op.declared} == last
    assert max(widths.values()) <= 8
    assert report.failure(4, 8) is None


def test_ends_of_the_other_architectures() -> None:
    method = Ganq.methods["smooth-gptq-ends8"]
    assert exempt_modules(method, ResnetGenerator(ngf=4, n_blocks=6)) == ("model.1", "model.23")
    assert exempt_modules(method, ResnetGenerator(ngf=4, n_blocks=9)) == ("model.1", "model.26")
    assert exempt_modules(method, SAGAN((8, 8), z_dim=8, classes=3, attention=(1,))) == ("linear0", "conv2d5")


def test_a_step_moves_in_proportion_to_its_size() -> None:
    """Those of an 8-bit grid are small, and no less a size for that."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(5)
        exact = ResnetGenerator(ngf=4, n_blocks=1).eval()
        model, inputs = copy.deepcopy(exact), (torch.rand(6, 3, 16, 16) * 2 - 1,)
    insert_quantizers(model, [inputs], Bits(8, 8), Scheme(**Ganq.methods["lsq"].options["scheme"]))
    steps = {name: one for name, one in model.named_parameters() if name.endswith("step")}
    before = {name: one.detach().clone() for name, one in steps.items()}
    assert min(float(one.abs().max()) for one in before.values()) < 1e-3
    distill(model, exact, [inputs], 8, seed=0)
    moved = [float(((one.detach() - before[name]) / before[name]).abs().max()) for name, one in steps.items()]
    assert 0 < max(moved) < 0.04
