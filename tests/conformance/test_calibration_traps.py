"""Traps of calibration and of what a toolkit leaves out: shown at the toolkit, and avoided by its adapter."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import workbench as wb
from onnx import numpy_helper
from torch import nn

from ganqbench.adapters import brevitas as brevitas_adapter
from ganqbench.deploy.runtimes import no_telemetry


def decibels(module: nn.Module, arch: str, n: int = 16) -> float:
    reference = wb.generator_of(arch)
    inputs = wb.draw(reference, n, seed=4)
    return wb.signal_to_noise(wb.render(module, inputs), wb.render(reference, inputs))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        yield


@wb.beside(wb.Case("openvino", "ptq-minmax-bias", "sagan"))
def test_openvino_alone_fails_on_the_biases_of_attention(at: wb.Case) -> None:
    """NNCF's fast bias correction of a converted torch model; the adapter hands it the ONNX graph."""
    batches = wb.calibration_of("sagan")
    with _quiet(), no_telemetry():
        import nncf
        import openvino

        converted = openvino.convert_model(copy.deepcopy(wb.generator_of("sagan")), example_input=batches[0])
        feeds = [tuple(value.numpy() for value in batch) for batch in batches]
        with pytest.raises(ValueError, match="reshape"):
            nncf.quantize(converted, nncf.Dataset(feeds), preset=nncf.QuantizationPreset.MIXED)
    corrected = wb.quantized(at, "W8A8")
    assert decibels(corrected, "sagan") > 20
    plain = wb.quantized(wb.Case("openvino", "ptq-minmax", "sagan"), "W8A8")
    moved = [not np.array_equal(a, b) for a, b in zip(_biases(corrected), _biases(plain), strict=True)]
    assert sum(moved) > len(moved) / 2


def _biases(module: nn.Module) -> list[np.ndarray]:
    graph = wb.graph_of(module)
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    named = [node.input[2] for node in graph.node if node.op_type == "Conv" and len(node.input) > 2]
    return [values[name] for name in named if name in values]


@wb.beside(wb.Case("onnxruntime", "ptq-minmax-7bit", "cyclegan"))
def test_onnxruntime_reduced_ranges_leave_weights_of_seven_bits(at: wb.Case) -> None:
    """255 * 64 * 2 fits into the sixteen bits in which AVX2 without VNNI adds; 255 * 127 * 2 does not."""
    largest = {}
    for method in ("ptq-minmax", at.method):
        graph = wb.graph_of(wb.quantized(wb.Case("onnxruntime", method, "cyclegan"), "W8A8"))
        weights = [numpy_helper.to_array(one) for one in graph.initializer]
        largest[method] = max(int(np.abs(w.astype(int)).max()) for w in weights if w.dtype == np.int8)
    assert largest == {"ptq-minmax": 127, "ptq-minmax-7bit": 64}


@wb.beside(wb.Case("brevitas", "gptq", "cyclegan"))
def test_brevitas_gptq_gains_from_the_calibration_that_it_gets(
    at: wb.Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With convolutions alone: linear layers have more inputs than there are items, and may lose."""
    clever = wb.quantized(at, "W4A8")
    monkeypatch.setattr(brevitas_adapter, "_round_columns", lambda *_: None)
    assert decibels(clever, "cyclegan") > decibels(wb.quantize(at, "W4A8"), "cyclegan") + 0.3


@wb.beside(wb.Case("modelopt", "smoothquant", "sagan"))
def test_modelopt_smooths_weights_of_eight_bits_alone(at: wb.Case) -> None:
    """At others it skips the layers and goes on; the adapter declines those cells."""
    plain = wb.Case("modelopt", "ptq-max", "sagan")
    assert at.skip("W4A8") is not None
    assert at.skip("W8A8") is None

    def moved(bits: str) -> bool:
        with _quiet():
            before, after = wb.state_of(wb.quantized(plain, bits)), wb.state_of(wb.quantized(at, bits))
        return any(not torch.equal(after[key], before[key]) for key in before if key.endswith("weight"))

    assert moved("W8A8")
    assert not moved("W4A8")


@wb.beside(
    wb.Case("brevitas", "ptq-percentile", "cyclegan"),
    wb.Case("pytorch_quantization", "ptq-percentile", "cyclegan"),
    wb.Case("ganq", "ptq-percentile", "cyclegan"),
)
def test_percentiles_cost_little_on_images_unlike_those_of_calibration(at: wb.Case) -> None:
    """Instance norms turn a clipped edge into an error everywhere; 0.001 % of the values is little enough."""
    source = torch.Generator().manual_seed(5)
    images = torch.randn(8, 3, 32, 32, generator=source).clamp(-1, 1)  # calibration has smooth ones
    wanted = wb.render(wb.generator_of("cyclegan"), (images,))
    extremes = wb.Case(at.adapter, next(iter(wb.adapter_of(at.adapter).methods)), "cyclegan")
    whole, clipped = (
        wb.signal_to_noise(wb.render(wb.quantized(case, "W8A8"), (images,)), wanted)
        for case in (extremes, at)
    )
    assert clipped > whole - 1.5


@wb.beside(wb.Case("brevitas", "ptq-percentile", "cyclegan"))
def test_a_hundredth_of_the_values_would_be_too_much(at: wb.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = decibels(wb.quantized(at, "W8A8"), "cyclegan")
    settings = brevitas_adapter._activation_quantizer
    monkeypatch.setattr(
        brevitas_adapter,
        "_activation_quantizer",
        lambda options: settings({**options, "percentile": 99.0}),
    )
    assert decibels(wb.quantize(at, "W8A8"), "cyclegan") < usual - 3
