"""Traps of the toolkits that would cost accuracy, or quantize nothing, without a word."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import workbench as wb
from torch import nn

CYCLEGAN = {
    name: wb.Case(name, method, "cyclegan")
    for name, method in {
        "brevitas": "ptq-minmax",
        "pytorch_quantization": "ptq-max",
        "torch_ao": "ptq-minmax",
        "ganq": "ptq-minmax",
        "torchao": "pt2e-minmax",
        "modelopt": "ptq-max",
    }.items()
}


@wb.beside(*CYCLEGAN.values())
def test_transposed_convolutions_have_a_scale_per_output_channel(at: wb.Case) -> None:
    outputs = {
        name: module.weight.shape[1]
        for name, module in wb.generator_of(at.arch).named_modules()
        if isinstance(module, nn.ConvTranspose2d)
    }
    found = {op.site: op.scale_groups for op in wb.audited(at, "W4A8").ops if op.site in outputs}
    assert found == outputs


@wb.beside(CYCLEGAN["pytorch_quantization"])
def test_pytorch_quantization_alone_would_take_the_input_channel(at: wb.Case) -> None:
    module = wb.quantized(at, "W8A8")
    from pytorch_quantization.nn import QuantConvTranspose2d  # the adapter has imported it quietly

    assert QuantConvTranspose2d.default_quant_desc_weight.axis == 0  # its weight is [in, out, k, k]
    layers = [layer for layer in module.modules() if isinstance(layer, QuantConvTranspose2d)]
    assert len(layers) == 2
    for layer in layers:
        assert tuple(layer.weight_quantizer.amax.shape) == (1, layer.out_channels, 1, 1)


def test_torch_ao_alone_would_leave_transposed_weights_in_floating_point() -> None:
    from torch.ao.quantization.backend_config import get_native_backend_config
    from torch.ao.quantization.backend_config.utils import get_module_to_qat_module

    assert nn.Conv2d in get_module_to_qat_module(get_native_backend_config())
    assert nn.ConvTranspose2d not in get_module_to_qat_module(get_native_backend_config())


@wb.beside(wb.Case("torch_ao", "ptq-histogram", "cyclegan"))
def test_torch_ao_histogram_searches_for_the_levels_there_are(at: wb.Case) -> None:
    from torch.ao.quantization import HistogramObserver

    observers = [m for m in wb.quantized(at, "W2A5").modules() if isinstance(m, HistogramObserver)]
    assert observers
    assert {observer.dst_nbins for observer in observers} == {32}  # its own choice is 256


@wb.beside(wb.Case("torchao", "pt2e-histogram", "cyclegan"))
def test_torchao_histogram_searches_for_the_levels_there_are(at: wb.Case) -> None:
    """For 256 levels there is hardly anything to clip, and sixteen would be no nearer than by extremes."""
    inputs = wb.draw(wb.generator_of(at.arch), 8, seed=4)
    reference = wb.render(wb.generator_of(at.arch), inputs)
    extremes, found = (
        wb.signal_to_noise(wb.render(wb.quantized(case, "W8A4"), inputs), reference)
        for case in (wb.Case("torchao", "pt2e-minmax", at.arch), at)
    )
    assert found > extremes + 0.5


@wb.beside(*CYCLEGAN.values())
def test_inputs_after_a_relu_get_all_levels(at: wb.Case) -> None:
    """A symmetric grid would waste the half of it that is below zero."""
    (rectified,) = (op for op in wb.audited(at, "W2A5").ops if op.site == "model.4")
    assert rectified.activation_levels is not None
    # Not quite all: the highest are for the largest values of calibration, which the audit's inputs are not.
    assert 24 < rectified.activation_levels <= 32


@wb.beside(CYCLEGAN["pytorch_quantization"])
def test_unsigned_ranges_saturate_below_zero(at: wb.Case) -> None:
    """pytorch-quantization raises TypeError for a negative value in an unsigned range."""
    module = wb.quantized(at, "W8A8")
    from pytorch_quantization.nn import TensorQuantizer

    unsigned = [q for q in module.modules() if isinstance(q, TensorQuantizer) and q.unsigned]
    assert unsigned
    value = torch.tensor([-1.0, 0.0, 0.5])
    assert (unsigned[0](value)[0] == 0).all()


@pytest.mark.parametrize("backend", ["brevitas", "pytorch_quantization", "ganq"])
def test_percentiles_clip_a_lone_outlier_only(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = wb.Case(backend, "ptq-percentile", "cyclegan")
    image = torch.rand(1, 1, 512, 512, generator=torch.Generator().manual_seed(0)) * 2 - 1
    image[0, 0, 0, 0] = 50
    module = wb.adapter_of(backend).quantize(nn.Sequential(nn.Conv2d(1, 1, 1)), [(image,)], case.cell("W8A8"))

    operands: list[torch.Tensor] = []
    convolve = nn.functional.conv2d

    def spy(operand: torch.Tensor, *rest: Any) -> torch.Tensor:
        operands.append(operand)
        return convolve(operand, *rest)

    monkeypatch.setattr(nn.functional, "conv2d", spy)
    wb.render(module, (torch.linspace(-60, 60, 2001).reshape(1, 1, 1, -1),))
    assert 0.9 < operands[0].max() < 1.2


def test_per_channel_weights_of_an_uneven_layer() -> None:
    """One channel a thousand times larger than the others must not flatten them."""
    torch.manual_seed(0)
    for layer, channel in ((nn.Conv2d(4, 6, 3), 0), (nn.ConvTranspose2d(4, 6, 3), 1)):
        with torch.no_grad():
            layer.weight.select(channel, 0).mul_(1000)
        generator = nn.Sequential(layer)
        inputs = (torch.randn(4, 4, 8, 8),)
        with torch.no_grad():
            reference = generator(*inputs)
        for case in CYCLEGAN.values():
            module = wb.adapter_of(case.adapter).quantize(
                copy.deepcopy(generator), [inputs], case.cell("W8A8")
            )
            images = wb.render(module, inputs)
            assert wb.signal_to_noise(images[:, 1:], reference[:, 1:]) > 30, (case, type(layer))
