"""What comes out of a quantized generator, measured rather than believed."""

from __future__ import annotations

import copy

import pytest
import torch
import workbench as wb
from once import float_graph
from torch import nn

from ganqbench.deploy.export import deployable, quantized_graph
from ganqbench.deploy.parity import parity
from ganqbench.deploy.saturation import saturates
from ganqbench.deploy.session import IntegerSession
from ganqbench.errors import UserError

# Decibels of W8A8. Entropy clips half of the range of StyleGAN2's long-tailed inputs, as it is meant to;
# the others fit rounding to twelve items, fewer than a layer here has inputs.
# Averaged extremes clip what single batches hold: ptq-minmax-bias of openvino.
# Mixed precision has layers of four bits, rounded to the nearest.
LEAST = {
    "ptq-entropy": 10,
    "gpfq": 12,
    "qronos": 8,
    "ptq-minmax-bias": 18,
    "mixed-75": 14,
    "mixed-60": 9,
}

# Decibels that four bits of weights cost at least. What entropy clips is most of its error at both widths.
STEP = {"ptq-entropy": 1}


@pytest.mark.parametrize("bits", ["W8A8", "W4A8"])
def test_every_product_runs_at_the_claimed_bits(case: wb.Case, bits: str) -> None:
    if wb.declined(case, bits):
        return
    if case.adapter == "openvino" and bits == "W8A8" and "7bit" not in case.method and saturates("openvino"):
        pytest.skip("sums saturate on this CPU: such a cell fails, and a method of 7 bits takes its place")
    report = wb.audited(case, bits)
    claim = case.cell(bits).bits
    assert report.failure(claim.weights, claim.activations) is None
    # Less only where the method says which layers it leaves wider; the rest has to hold all the same.
    assert report.coverage(claim.weights, claim.activations) >= (0.5 if case.exempt else 0.95)
    forgotten = [
        op.site for op in report.sites if not op.declared and not op.meets(claim.weights, claim.activations)
    ]
    assert forgotten == []
    # Ranges that move with the input are fine as long as the method's name says so.
    assert all(op.static for op in report.sites) != ("dynamic" in case.method)


def test_eight_bits_are_close_and_four_are_further(case: wb.Case) -> None:
    if wb.declined(case, "W8A8"):
        return
    inputs = wb.draw(wb.generator_of(case.arch), 8, seed=4)
    reference = wb.render(wb.generator_of(case.arch), inputs)
    eight = wb.signal_to_noise(wb.render(wb.quantized(case, "W8A8"), inputs), reference)
    assert LEAST.get(case.method, 20) < eight < 80
    if wb.declined(case, "W4A8"):
        return
    four = wb.signal_to_noise(wb.render(wb.quantized(case, "W4A8"), inputs), reference)
    assert four < eight - STEP.get(case.method, 3)


@wb.beside(wb.Case("brevitas", "adaround", "cyclegan"))
def test_learned_rounding_beats_that_to_the_nearest(at: wb.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its full length: the other tests learn for a fraction of it."""
    monkeypatch.undo()
    inputs = wb.draw(wb.generator_of(at.arch), 8, seed=4)
    reference = wb.render(wb.generator_of(at.arch), inputs)
    nearest = wb.quantized(wb.Case("brevitas", "ptq-mse", at.arch), "W4A8")
    learned, plain = (
        wb.signal_to_noise(wb.render(module, inputs), reference)
        for module in (wb.quantize(at, "W4A8"), nearest)
    )
    assert learned > plain + 2


def test_images_do_not_depend_on_the_batch(case: wb.Case) -> None:
    if wb.declined(case, "W8A8"):
        return
    module = wb.quantized(case, "W8A8")
    inputs = wb.draw(wb.generator_of(case.arch), 6, seed=5)
    together = wb.render(module, inputs)
    alone = torch.cat([wb.render(module, tuple(v[i : i + 1] for v in inputs)) for i in range(6)])
    # Kernels round differently for another batch size, which tips a value to the next level here and there.
    assert wb.signal_to_noise(alone, together) > 35


def test_a_calibrated_module_is_static(case: wb.Case) -> None:
    module = _narrowest(case)
    if module is None:
        return
    inputs = wb.draw(wb.generator_of(case.arch), 4, seed=6)
    before = wb.render(module, inputs)
    wb.render(module, wb.draw(wb.generator_of(case.arch), 4, seed=7))
    with torch.no_grad():
        torch.testing.assert_close(module(*inputs), before, rtol=0, atol=0)
    torch.testing.assert_close(wb.render(copy.deepcopy(module), inputs), before, rtol=0, atol=0)


def test_state_survives_save_and_load(case: wb.Case) -> None:
    module = _narrowest(case)
    if module is None:
        return
    inputs = wb.draw(wb.generator_of(case.arch), 4, seed=8)
    other = copy.deepcopy(module)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.5)
    if isinstance(module, IntegerSession):  # its state are the bytes of the model, here of another one
        other.load_state_dict(_in_full_precision(case, module).state_dict())
    assert not torch.equal(wb.render(other, inputs), wb.render(module, inputs))
    other.load_state_dict(wb.state_of(module))
    assert torch.equal(wb.render(other, inputs), wb.render(module, inputs))


def _in_full_precision(case: wb.Case, like: IntegerSession) -> IntegerSession:
    reference = wb.generator_of(case.arch)
    graph = float_graph(reference, wb.calibration_of(case.arch)[0])
    return IntegerSession(graph.SerializeToString(), like.runtime)


NO_GRAPH = {"torchao": "no module rounds its input"}
"""Adapters of this package whose modules can't be written as integers, and why."""


def test_an_export_has_the_same_numbers(first: wb.Case) -> None:
    """As integers, of the adapter's first method; what is integers already, in the form that is deployed."""
    module = _narrowest(first)
    if module is None:
        return
    reference, example = wb.generator_of(first.arch), wb.calibration_of(first.arch)[0]
    if first.adapter in NO_GRAPH:
        with pytest.raises(UserError, match=NO_GRAPH[first.adapter]):
            quantized_graph(module, reference, example)
        return
    if isinstance(module, IntegerSession):
        import onnx

        graph = onnx.load_model_from_string(module.serialised)
        session = IntegerSession(deployable(graph), module.runtime)
    else:
        try:
            graph = quantized_graph(module, reference, example)
        except UserError as error:
            if first.adapter in wb.OUR_OWN:
                raise
            pytest.skip(str(error))
        session = IntegerSession(graph.SerializeToString(deterministic=True))
    assert parity(session, module, [wb.draw(reference, 4, seed=12)]).psnr > 40


def test_gradients_reach_what_a_recipe_trains(trainable: wb.Case) -> None:
    narrowest = _narrowest(trainable)
    if narrowest is None:
        return
    module = copy.deepcopy(narrowest)
    inputs = wb.draw(wb.generator_of(trainable.arch), 4, seed=10)
    before = module(*inputs)
    target = wb.generator_of(trainable.arch)(*inputs).detach()
    parameters = {name: one for name, one in module.named_parameters() if one.requires_grad}
    loss = (before - target).square().mean()
    loss.backward()
    touched = {name for name, one in parameters.items() if one.grad is not None and one.grad.any()}
    # torch calls a parametrized weight `parametrizations.weight.original`.
    ends = ("weight", "weight.original")
    weights = [name for name in parameters if name.endswith(ends) and parameters[name].ndim > 1]
    assert weights
    assert touched >= set(weights)
    with torch.no_grad():
        for name in touched:
            parameters[name].sub_(1e-4 * parameters[name].grad.sign())  # type: ignore[union-attr]
    assert not torch.equal(module(*inputs), before)  # the quantizers follow what was trained
    if trainable.method in LEARN_SCALES:
        own = {name for name, _ in wb.generator_of(trainable.arch).named_parameters()}
        scalars = {name for name in parameters if parameters[name].numel() == 1} - own
        assert not touched.isdisjoint(scalars)


LEARN_SCALES = {"qat-lsq", "qat-learn-amax", "lsq", "lsq-plus", "pact", "ewgs", "qat-smooth-lsq"}
"""Methods whose activations have a learned number each."""


def _narrowest(case: wb.Case) -> nn.Module | None:
    """The case's shared module of the fewest bits that are not declined."""
    bits = next((bits for bits in ("W4A8", "W8A8") if not wb.declined(case, bits)), None)
    return None if bits is None else wb.quantized(case, bits)
