"""Layers of toolkits, and the zoo's generators, are credited with what they do."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.ao.quantization.fake_quantize import FakeQuantize
from torch.ao.quantization.observer import MinMaxObserver, PerChannelMinMaxObserver
from torch.nn import functional as F

from ganqbench.audit import Op, audit
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.stylegan2 import StyleGAN2

Quantize = Callable[..., nn.Module]


class FakeLayer(nn.Module):
    """torch.ao's fake quantizers in front of a functional call."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer
        self.weight = FakeQuantize(
            PerChannelMinMaxObserver, -8, 7, dtype=torch.qint8, qscheme=torch.per_channel_symmetric, ch_axis=0
        )
        self.data = FakeQuantize(MinMaxObserver, 0, 255, dtype=torch.quint8)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.data(x), self.weight(self.layer.weight), self.layer.bias, padding=1)


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated")
@pytest.mark.parametrize("observing", [False, True])
def test_torch_ao_fake_quantizers(plain: nn.Module, images: Tensor, observing: bool) -> None:
    model = copy.deepcopy(plain)
    for name in ("one", "two", "three"):
        setattr(model, name, FakeLayer(getattr(plain, name)))
    with torch.no_grad():
        model(images)
    if not observing:
        model.apply(lambda module: module.disable_observer() if isinstance(module, FakeQuantize) else None)
    report = audit(model.eval(), (images,), reference=plain)
    assert report.failure(4, 8) is None
    assert report.coverage(4, 8) == 1


def test_brevitas_layers(plain: nn.Module, images: Tensor, recwarn: pytest.WarningsRecorder) -> None:
    from brevitas import nn as qnn
    from brevitas import quant
    from brevitas.graph.calibrate import calibration_mode
    from brevitas.graph.quantize import layerwise_quantize

    settings = {
        "input_quant": quant.ShiftedUint8ActPerTensorFloat,
        "weight_quant": quant.Int8WeightPerChannelFloat.let(bit_width=4),
        "bias_quant": None,
        "return_quant_tensor": False,
    }
    model = layerwise_quantize(copy.deepcopy(plain), {nn.Conv2d: (qnn.QuantConv2d, settings)})
    with torch.no_grad(), calibration_mode(model):
        model(images)
    report = audit(model.eval(), (images,), reference=plain)
    assert report.failure(4, 8) is None
    assert report.coverage(4, 8) == 1
    assert report.coverage(3, 8) == 0


def test_pytorch_quantization_layers(
    plain: nn.Module, images: Tensor, recwarn: pytest.WarningsRecorder
) -> None:
    from pytorch_quantization import nn as qnn
    from pytorch_quantization.tensor_quant import QuantDescriptor

    model = copy.deepcopy(plain)
    for name in ("one", "two", "three"):
        layer: nn.Conv2d = getattr(plain, name)
        quantized = qnn.QuantConv2d(
            layer.in_channels,
            layer.out_channels,
            3,
            padding=1,
            quant_desc_input=QuantDescriptor(num_bits=8, amax=1.0),
            quant_desc_weight=QuantDescriptor(num_bits=4, axis=(0,)),
        )
        quantized.load_state_dict(layer.state_dict(), strict=False)
        setattr(model, name, quantized)
    report = audit(model.eval(), (images,), reference=plain)
    assert report.failure(4, 8) is None
    assert report.coverage(4, 8) == 1
    assert report.coverage(3, 8) == 0


def test_the_cyclegan_generator(quantize: Quantize) -> None:
    torch.manual_seed(0)
    model = ResnetGenerator(ngf=8, n_blocks=1).eval()
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    report = audit(quantize(model, 8, 8), (images,), reference=model)
    assert report.failure(8, 8) is None
    assert report.coverage(8, 8) == 1
    assert sum(op.kind == "conv_transposed" for op in report.ops) == 2


def test_the_sagan_generator_with_its_attention(quantize: Quantize) -> None:
    torch.manual_seed(0)
    model = SAGAN((16, 16, 16)).eval()
    inputs, other = model.sample_inputs(2, 0), model.sample_inputs(2, 1)
    forgotten = quantize(
        model,
        8,
        8,
        only=lambda name, module: (
            not isinstance(module, type(model.get_submodule(name))) or "scores" not in name
        ),
    )
    for one in (model, forgotten):
        one.apply(lambda module: nn.init.constant_(module.sigma, 0.5) if hasattr(module, "sigma") else None)
    report = audit(forgotten, inputs, reference=model, second=other)
    (scores,) = (op for op in report.ops if op.site.endswith("scores"))
    assert (scores.weight_levels, scores.activation_levels) == (None, None)
    assert report.coverage(8, 8) == pytest.approx(1 - scores.macs / report.macs)


def test_attention_switched_off_by_a_zero_gain_still_counts(quantize: Quantize) -> None:
    torch.manual_seed(0)
    model = SAGAN((16, 16, 16)).eval()  # its attention starts with sigma = 0
    report = audit(quantize(model, 8, 8), model.sample_inputs(2, 0), reference=model)
    assert {op.match for op in report.ops} == {"site"}
    assert report.coverage(8, 8) == 1


def test_the_stylegan2_generator_without_filters_and_demodulation(quantize: Quantize) -> None:
    torch.manual_seed(0)
    model = StyleGAN2((16, 16), z_dim=16, w_dim=16, mapping_layers=2).eval()
    inputs = model.sample_inputs(2, 0)
    report = audit(quantize(model, 8, 8), inputs, reference=model)
    assert report.failure(8, 8) is None
    assert report.coverage(8, 8) == 1
    exempt: list[Op] = [op for op in report.ops if op.exempt]
    assert {op.kind for op in exempt} == {"conv", "conv_transposed", "linear"}
    assert audit(quantize(model, 8, 8), inputs, reference=model, exempt=()).failure(8, 8) is not None
