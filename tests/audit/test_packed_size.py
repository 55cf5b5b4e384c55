"""How many bytes a model takes, whoever quantized it."""

from __future__ import annotations

import copy

import pytest
import torch

from ganqbench.adapter import load_adapter
from ganqbench.audit import AuditReport, audit
from ganqbench.cell import Cell
from ganqbench.zoo.stylegan2 import StyleGAN2


@pytest.fixture(scope="module")
def generator() -> StyleGAN2:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return StyleGAN2((16, 16, 8), z_dim=16, w_dim=16, mapping_layers=2).eval()


def grids(report: AuditReport) -> int:
    """Activations that have a grid of their own, which takes a scale and a zero point."""
    return sum(op.static and op.activation_levels is not None and not op.exempt for op in report.ops)


def test_full_precision_takes_four_bytes_for_each_value(generator: StyleGAN2) -> None:
    report = audit(generator, generator.sample_inputs(2, 0), reference=generator)
    values = sum(value.numel() for value in generator.state_dict().values())
    assert report.packed_bytes == 4 * values + 8 * grids(report)
    assert any(op.exempt for op in report.ops)  # demodulation and filters, which follow from what is stored


@pytest.mark.slow
def test_methods_of_the_same_widths_take_as_much(generator: StyleGAN2) -> None:
    """However they demodulate: by rounded weights or by those of full precision."""
    sizes = {}
    for adapter, method in (("ganq", "ptq-minmax"), ("brevitas", "ptq-minmax")):
        cell = Cell.model_validate(
            {"suite": "t", "suite_version": 0, "gan": "stylegan2", "adapter": adapter, "method": method}
            | {"bits": "W4A8", "seed": 0}
        )
        batches = [generator.sample_inputs(4, 1)]
        module = load_adapter(adapter).quantize(copy.deepcopy(generator), batches, cell).eval()
        report = audit(module, generator.sample_inputs(2, 2), generator, second=generator.sample_inputs(2, 3))
        assert report.failure(4, 8) is None
        sizes[adapter] = report.packed_bytes
    assert sizes["ganq"] == sizes["brevitas"]
