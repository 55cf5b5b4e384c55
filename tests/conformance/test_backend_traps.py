"""What each toolkit does when called as its documentation says, and that the adapters avoid it.

A test here fails when a new version of a toolkit puts the matter right: then the adapter can be simplified.
"""

from __future__ import annotations

import copy
import warnings
from importlib.metadata import requires
from pathlib import Path

import pytest
import torch
import workbench as wb
from once import exporting_once
from torch import nn

from ganqbench.audit import AuditReport, audit
from ganqbench.zoo.generator import Inputs
from ganqbench.zoo.layers import MatMul
from ganqbench.zoo.sagan import add_spectral_norm, fold_spectral_norm


def report_on(module: nn.Module, arch: str) -> AuditReport:
    reference = wb.generator_of(arch)
    return audit(
        module, wb.draw(reference, 4, seed=2), reference=reference, second=wb.draw(reference, 4, seed=3)
    )


def widths(report: AuditReport, kind: str) -> set[tuple[int, int]]:
    return {(op.weight_bits, op.activation_bits) for op in report.sites if op.kind == kind}


def _widest(report: AuditReport, kind: str) -> int:
    return max(max(pair) for pair in widths(report, kind))


def run(model: nn.Module, arch: str) -> None:
    for batch in wb.calibration_of(arch):
        model(*batch)


@wb.beside(wb.Case("brevitas", "ptq-minmax", "sagan"))
def test_brevitas_alone_would_leave_attention_in_floating_point(at: wb.Case) -> None:
    adapted = wb.audited(at, "W8A8")  # imports it quietly
    from brevitas.graph.calibrate import calibration_mode
    from brevitas.graph.quantize import layerwise_quantize

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = layerwise_quantize(copy.deepcopy(wb.generator_of("sagan")))
        with calibration_mode(model):
            run(model, "sagan")
        assert _widest(report_on(model.eval(), "sagan"), "matmul") > 8
    assert _widest(adapted, "matmul") <= 8


@wb.beside(wb.Case("modelopt", "ptq-max", "sagan"))
def test_modelopt_alone_would_leave_attention_and_round_what_enters_norms(at: wb.Case) -> None:
    adapted = wb.quantized(at, "W8A8")
    import modelopt.torch.quantization as mtq
    from modelopt.torch.quantization.nn import TensorQuantizer

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = mtq.quantize(
            copy.deepcopy(wb.generator_of("sagan")), mtq.INT8_DEFAULT_CFG, lambda model: run(model, "sagan")
        )
    assert _widest(report_on(plain, "sagan"), "matmul") > 8
    assert _widest(wb.audited(at, "W8A8"), "matmul") <= 8

    def enabled(model: nn.Module) -> set[type[nn.Module]]:
        parents = {name.rpartition(".")[0] for name, q in model.named_modules() if _on(q, TensorQuantizer)}
        return {kind for name in parents for kind in type(model.get_submodule(name)).__mro__}

    assert {nn.BatchNorm2d, nn.MaxPool2d} & enabled(plain)
    assert not {nn.BatchNorm2d, nn.MaxPool2d, nn.InstanceNorm2d} & enabled(adapted)


def _on(module: nn.Module, kind: type[nn.Module]) -> bool:
    return isinstance(module, kind) and bool(module.is_enabled)


@wb.beside(wb.Case("modelopt", "ptq-max", "cyclegan"))
def test_modelopt_alone_would_take_the_input_channel_of_transposed_convolutions(at: wb.Case) -> None:
    wb.quantized(at, "W8A8")
    from modelopt.torch.quantization.nn import QuantConvTranspose2d

    assert QuantConvTranspose2d.default_quant_desc_weight.axis == 0  # its weight is [in, out, k, k]


@wb.beside(wb.Case("modelopt", "ptq-max", "cyclegan"))
def test_modelopt_search_for_mse_ranges_collapses(at: wb.Case) -> None:
    """It hands the bit-width to `fake_tensor_quant` where a bias belongs."""
    declined = wb.Case("modelopt", "ptq-mse", "cyclegan").skip("W8A8")
    assert declined is not None
    assert "bit-width" in declined.reason
    wb.quantized(at, "W8A8")
    from modelopt.torch.quantization.calib import HistogramCalibrator

    calibrator = HistogramCalibrator(num_bits=8, axis=None, unsigned=False)
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    calibrator.collect(values)
    assert calibrator.compute_amax("mse") < 0.5  # sound ranges of eight bits end above 3
    assert calibrator.compute_amax("percentile", percentile=99.99) > 3


@wb.beside(wb.Case("torchao", "pt2e-minmax", "cyclegan"))
def test_torchao_alone_quantizes_no_transposed_convolution(at: wb.Case) -> None:
    model = _pt2e_as_documented("cyclegan", at)
    report = report_on(model, "cyclegan")
    assert widths(report, "conv_transposed") == {(32, 32)}
    assert report.failure(8, 8) is not None  # so it would not get onto the board
    for arch in ("cyclegan", "stylegan2"):
        declined = wb.Case("torchao", "x86-inductor", arch).skip("W8A8")
        assert declined is not None
        assert "transposed" in declined.reason


@wb.beside(wb.Case("torchao", "pt2e-minmax", "cyclegan"))
def test_torchao_alone_fails_on_a_sum_with_a_number(at: wb.Case) -> None:
    with pytest.raises(AssertionError):
        _pt2e_as_documented("sagan", at)


@wb.beside(wb.Case("torchao", "x86-inductor", "sagan"))
def test_torchao_products_run_on_scaled_back_values_so_that_no_sum_saturates(at: wb.Case) -> None:
    """Lowered to u8 x s8 kernels without VNNI they would, in sixteen bits: the graph is not lowered."""
    module = wb.quantized(at, "W8A8")
    targets = {str(node.target) for node in module.graph.graph.nodes}  # type: ignore[union-attr]
    assert {"aten.conv2d.default", "quantized_decomposed.dequantize_per_tensor.default"} <= targets
    assert not [target for target in targets if "onednn" in target or "int_mm" in target]


def _pt2e_as_documented(arch: str, adapted: wb.Case) -> nn.Module:
    wb.quantized(adapted, "W8A8")  # imports it quietly
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    from ganqbench.adapters import torchao as adapter
    from ganqbench.adapters._pt2e import x86_quantizer

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = adapter._export(
            adapter._exportable(copy.deepcopy(wb.generator_of(arch))), wb.calibration_of(arch)[0]
        )
        prepared = prepare_pt2e(exported, x86_quantizer())
        run(prepared, arch)
        return convert_pt2e(prepared)  # type: ignore[no-any-return]


@wb.beside(wb.Case("torch_ao", "ptq-minmax", "sagan"))
def test_torch_ao_can_not_convert_a_norm_without_weights(at: wb.Case) -> None:
    """Which is why its adapter returns the prepared graph, and swaps no batch norm."""
    norms = [one for one in wb.quantized(at, "W8A8").modules() if isinstance(one, nn.BatchNorm2d)]
    assert {norm.affine for norm in norms} == {False, True}
    assert wb.audited(at, "W8A8").failure(8, 8) is None

    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    batches = wb.calibration_of("sagan")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = prepare_fx(
            copy.deepcopy(wb.generator_of("sagan")), get_default_qconfig_mapping("x86"), batches[0]
        )
        run(prepared, "sagan")
        with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'device'"):
            convert_fx(prepared)


TOOLKITS = [
    wb.Case("brevitas", "ptq-minmax", "stylegan2"),
    wb.Case("pytorch_quantization", "ptq-max", "stylegan2"),
    wb.Case("torch_ao", "ptq-minmax", "stylegan2"),
    wb.Case("torchao", "pt2e-minmax", "stylegan2"),
    wb.Case("modelopt", "ptq-max", "stylegan2"),
]


@wb.beside(*TOOLKITS)
def test_fir_filters_stay_as_they_are(at: wb.Case) -> None:
    filters = [op for op in wb.audited(at, "W8A8").ops if op.exempt and op.kind == "conv"]
    assert filters
    assert all(op.activation_bits == 32 for op in filters)


@wb.beside(*(case.on("sagan") for case in TOOLKITS))
def test_spectral_norm_is_folded_before_quantization(at: wb.Case) -> None:
    """A toolkit that swaps a layer would lose its parametrization, and with it the weights' size."""
    folded = copy.deepcopy(wb.generator_of("sagan"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        add_spectral_norm(folded)
    inputs = wb.draw(wb.generator_of("sagan"), 4, seed=2)
    expected = wb.render(folded.eval(), inputs)
    fold_spectral_norm(folded)
    assert not [name for name, _ in folded.named_modules() if "parametrizations" in name]
    module = wb.adapter_of(at.adapter).quantize(folded, wb.calibration_of("sagan"), at.cell("W8A8"))
    assert wb.signal_to_noise(wb.render(module, inputs), expected) > 20


@wb.beside(wb.Case("brevitas", "gptq", "cyclegan"))
def test_brevitas_column_methods_round_transposed_convolutions_to_nearest(at: wb.Case) -> None:
    """Its GPTQ passes over them with a warning; the titles say so, and the claim holds all the same."""
    for name, method in wb.adapter_of("brevitas").methods.items():
        if "columns" in method.options:
            assert "transposed convolutions rounded to nearest" in method.title, name
    rounded = wb.quantized(at, "W4A8")
    before = dict(wb.generator_of("cyclegan").named_parameters())
    changed = {
        name
        for name, one in rounded.named_parameters()
        if name in before and name.endswith("weight") and one.ndim == 4 and not torch.equal(one, before[name])
    }
    transposed = {f"{n}.weight" for n, m in rounded.named_modules() if isinstance(m, nn.ConvTranspose2d)}
    assert changed
    assert not changed & transposed


@wb.beside(wb.Case("brevitas", "ptq-minmax", "stylegan2"))
def test_brevitas_equalization_would_break_demodulation(at: wb.Case) -> None:
    wb.quantized(at, "W8A8")  # imports it quietly
    declined = wb.Case("brevitas", "smoothquant", "stylegan2").skip("W8A8")
    assert declined is not None
    assert "demodulation" in declined.reason
    from ganqbench.adapters.brevitas import _equalize

    generator = copy.deepcopy(wb.generator_of("stylegan2"))
    with torch.no_grad(), pytest.raises(AttributeError, match="weight"):
        _equalize(generator, wb.calibration_of("stylegan2"), 0.5)


def test_pytorch_quantization_mse_is_declined_without_a_gpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    declined = wb.Case("pytorch_quantization", "ptq-mse", "sagan").skip("W8A8")
    assert declined is not None
    assert "CUDA" in declined.reason


def test_pytorch_quantization_is_pinned_to_its_last_real_release() -> None:
    """2.2.0 and 2.2.1 on PyPI are placeholders."""
    assert "pytorch-quantization==2.1.3" in [
        line.split(";")[0].strip() for line in requires("ganqbench") or []
    ]


def test_pytorch_quantization_learned_ranges_start_where_calibration_ended() -> None:
    """Its clip starts at 1 and is on from the beginning, so that calibration would see nothing larger."""
    case = wb.Case("pytorch_quantization", "qat-learn-amax", "cyclegan")
    image = torch.linspace(-5, 5, 256).reshape(1, 1, 16, 16)
    module = wb.adapter_of(case.adapter).quantize(
        nn.Sequential(nn.Conv2d(1, 1, 1)), [(image,)], case.cell("W8A8")
    )
    learned = {name: one.item() for name, one in module.named_parameters() if "clip_value" in name}
    assert learned
    assert {round(value) for value in learned.values()} == {-5, 5}


def test_attention_is_made_of_modules_that_can_be_swapped() -> None:
    assert sum(isinstance(one, MatMul) for one in wb.generator_of("sagan").modules()) == 2


def written_by_onnxruntime(batches: list[Inputs], method: str, folder: Path) -> bytes:
    """A model of its own `quantize_static`."""
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, quantize_static

    from ganqbench.adapters._onnx import FloatModel

    with exporting_once():
        model = FloatModel.of(wb.generator_of("cyclegan"), batches[0])

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        feeds = model.feeds(batches)

        def get_next(self) -> object:
            return next(self.feeds, None)

    path = folder / "model.onnx"
    quantize_static(
        *(copy.deepcopy(model.proto), path, Reader()),
        calibrate_method=CalibrationMethod[method],
        op_types_to_quantize=["Conv"],
    )
    return path.read_bytes()


def test_onnxruntime_alone_makes_no_histogram_of_batches_of_two_sizes(tmp_path: Path) -> None:
    """The adapter's methods are calibrated with such batches in all tests."""
    batches = wb.calibration_of("cyclegan")
    assert len({len(batch[0]) for batch in batches}) == 2
    with pytest.raises(ValueError, match="inhomogeneous"):
        written_by_onnxruntime(batches, "Percentile", tmp_path)


@wb.beside(wb.Case("onnxruntime", "ptq-entropy", "cyclegan"))
def test_onnxruntime_alone_searches_entropy_among_one_range(at: wb.Case, tmp_path: Path) -> None:
    """Its 128 bins are as many as levels, so the whole range is the only candidate."""
    batches = wb.calibration_of("cyclegan")[:1]
    found, whole = (written_by_onnxruntime(batches, each, tmp_path) for each in ("Entropy", "MinMax"))
    assert found == whole
    plain = wb.Case("onnxruntime", "ptq-minmax", "cyclegan")
    entropy, extremes = (wb.state_of(wb.quantized(case, "W8A8")) for case in (at, plain))
    assert not torch.equal(entropy["model"], extremes["model"])
