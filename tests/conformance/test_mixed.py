"""Mixed precision: the budget is met, by the layers that bear it, and the claim stays true."""

from __future__ import annotations

import copy

import pytest
import workbench as wb

from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
from ganqbench.adapters.ganq.mixed import Layer, chosen, narrow, sensitivity
from ganqbench.adapters.ganq.products import weighted
from ganqbench.audit import audit
from ganqbench.cell import Bits


def test_the_layers_that_bear_it_go_first_until_the_budget_is_met() -> None:
    layers = [Layer("a", 1.0, 100), Layer("b", 0.1, 100), Layer("c", 0.4, 200), Layer("d", 0.0, 10)]
    assert chosen(layers, 0.5, 1.0) == ()
    assert chosen(layers, 0.5, 0.9) == ("d", "b")
    assert chosen(layers, 0.5, 0.6) == ("d", "b", "c", "a")
    assert set(chosen(layers, 0.5, 0.5)) == set("abcd")


@pytest.mark.parametrize("arch", ["cyclegan", "stylegan2"])
def test_the_audit_measures_the_budget_and_no_width_beyond_the_claim(arch: str) -> None:
    reference, batches = wb.generator_of(arch), wb.calibration_of(arch)
    wide = copy.deepcopy(reference)
    insert_quantizers(wide, batches, Bits(8, 8), Scheme())
    mixed = copy.deepcopy(wide)
    narrow(mixed, batches, bits=4, wide=8, share=0.7)
    inputs, second = wb.draw(reference, 4, seed=2), wb.draw(reference, 4, seed=3)
    before, after = (audit(one, inputs, reference=reference, second=second) for one in (wide, mixed))
    assert after.failure(8, 8) is None
    assert after.failure(4, 8) is not None
    widths = {op.weight_bits for op in after.sites if not op.exempt}
    assert {4, 8} <= widths
    assert max(widths) <= 8
    # Whole layers are narrowed, so the last one may go beyond the budget, by no more than itself.
    largest = max(op.macs for op in after.sites) / sum(op.macs for op in after.sites if not op.exempt)
    assert 0.7 - 0.5 * largest - 0.01 <= after.bops() / before.bops() <= 0.7 + 0.01


def test_judging_layers_leaves_the_model_as_it_was() -> None:
    reference, batches = wb.generator_of("cyclegan"), wb.calibration_of("cyclegan")
    model = copy.deepcopy(reference)
    insert_quantizers(model, batches, Bits(8, 8), Scheme())
    inputs = wb.draw(reference, 2, seed=5)
    before = wb.render(model, inputs)
    found = sensitivity(model, batches[:1], 3)
    assert (wb.render(model, inputs) == before).all()
    assert [layer.name for layer in found] == list(weighted(model))
    assert all(layer.error > 0 for layer in found)
    assert max(layer.error for layer in found) > 3 * min(layer.error for layer in found)


def test_a_budget_that_no_choice_meets_is_refused() -> None:
    with pytest.raises(ValueError, match="less than all weights"):
        narrow(wb.generator_of("cyclegan"), [], bits=4, wide=8, share=0.4)
