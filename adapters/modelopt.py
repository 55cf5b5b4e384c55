"""NVIDIA TensorRT Model Optimizer (ModelOpt), the successor of pytorch-quantization."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ganqbench.adapter import Adapter, Method, Skip
from ganqbench.adapters._widths import beyond_integers

if TYPE_CHECKING:
    from torch import nn

    from ganqbench.cell import Bits, Cell
    from ganqbench.zoo.generator import Inputs

_WARNINGS = (
    r"`torch\.jit\.script` is deprecated",  # the toolkit decorates a function with it when imported
    "Cannot find transformers package",
    ".*is not calibrated, skip smoothing",  # labels, on purpose
)
_SURVEY = "Wu et al. 2020 (arXiv 2004.09602)"
_LINEAR_ONLY = ("smoothquant", "gptq")


class ModelOpt(Adapter):
    """Per-channel symmetric weights; activations symmetric, or unsigned where none is negative.

    Only the operands of products are quantized. Its own configurations would also round the
    inputs of norms and poolings, which run in floating point here.
    """

    name: ClassVar[str] = "modelopt"
    requires: ClassVar[tuple[str, ...]] = ("nvidia-modelopt", "huggingface-hub")
    methods: ClassVar[Mapping[str, Method]] = {
        "ptq-max": Method(
            title="Largest magnitude",
            kind="ptq",
            reference=f"{_SURVEY}: the range ends at the largest magnitude seen in calibration.",
        ),
        "ptq-mse-weights": Method(
            title="MSE-optimal weight ranges",
            kind="ptq",
            reference="Banner et al. 2019 (arXiv 1810.05723), for the weights only, as ModelOpt's `mse`.",
            options={"algorithm": {"method": "mse"}},
        ),
        "ptq-percentile": Method(
            title="Percentile of magnitudes",
            kind="ptq",
            reference=f"{_SURVEY}: 0.001 % of the magnitudes seen in calibration are clipped.",
            options={"amax": {"method": "percentile", "percentile": 99.999}},
        ),
        "ptq-mse": Method(
            title="MSE-optimal activation ranges",
            kind="ptq",
            reference=f"{_SURVEY}: the clip of least squared rounding error on the histogram.",
            options={"amax": {"method": "mse"}},
        ),
        "ptq-entropy": Method(
            title="KL-divergence ranges",
            kind="ptq",
            reference="Migacz 2017 (TensorRT): the clip that changes the distribution of magnitudes least.",
            # Every sixteenth of the histogram's bins: trying all takes minutes of Python per network.
            options={"amax": {"method": "entropy", "stride": 16}},
        ),
        "smoothquant": Method(
            title="SmoothQuant of the linear layers, largest magnitude elsewhere",
            kind="ptq",
            reference="Xiao et al. 2023 (arXiv 2211.10438), alpha 0.5. ModelOpt does it for linear layers "
            "of 8 bits only; convolutions keep the ranges of ptq-max.",
            options={"algorithm": {"method": "smoothquant", "alpha": 0.5}},
        ),
        "gptq": Method(
            title="GPTQ of the linear layers, largest magnitude elsewhere",
            kind="reconstruction",
            reference="Frantar et al. 2023 (arXiv 2210.17323). ModelOpt does it for linear layers only; "
            "convolutions keep the ranges of ptq-max.",
            options={"algorithm": {"method": "gptq"}},
        ),
        "qat-max": Method(
            title="Straight-through rounding in calibrated ranges; calibrated start for QAT",
            kind="qat",
            reference=f"{_SURVEY}, section 5: fixed ranges, trained weights. Without a recipe it is as "
            "calibrated.",
            trainable=True,
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """Integer widths from 2 to 8; what ModelOpt does to linear layers only where there are some."""
        if cell.method in _LINEAR_ONLY and cell.architecture == "cyclegan":
            return Skip(
                f"ModelOpt's {cell.method} changes linear layers only, and CycleGAN has none: "
                "it would repeat modelopt.ptq-max"
            )
        if cell.method == "ptq-mse":
            return Skip(
                "ModelOpt 0.47's search for MSE-optimal activation ranges hands its bit-width to another "
                "parameter and ends at a range near zero: take ptq-percentile, or another backend's ptq-mse"
            )
        if cell.method == "smoothquant" and (cell.bits.weights, cell.bits.activations) != (8, 8):
            return Skip("ModelOpt's SmoothQuant takes 8-bit weights and activations only: ask for W8A8")
        return beyond_integers(cell, "ModelOpt")

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Swap the layers, collect statistics, set the ranges."""
        import torch

        from ganqbench.adapters._isolation import isolated, muted
        from ganqbench.adapters._operands import negative_operands

        options = self.methods[cell.method].options
        with isolated(cell.seed, _WARNINGS), muted(), torch.no_grad():
            import modelopt.torch.quantization as mtq

            def run(network: nn.Module) -> None:
                for inputs in calibration:
                    network(*inputs)

            negative = negative_operands(generator.eval(), calibration)
            operand = partial(_operand, negative, cell.bits, "histogram" if "amax" in options else "max")
            layout = _layout(generator, cell.bits, operand)
            # A network with quantizers in it counts as converted, so the products' come afterwards.
            model: nn.Module = mtq.quantize(generator, {"quant_cfg": layout, "algorithm": None})
            _quantize_products(model, operand)
            if "amax" in options:
                _set_ranges(model, run, options["amax"])
            else:
                with _labels_as_they_are(model):
                    mtq.calibrate(model, options.get("algorithm", "max"), run)
            _saturate_unsigned(model)
        return model.eval()


def _operand(
    negative: frozenset[tuple[str, int]], bits: Bits, calibrator: str, name: str, place: int
) -> dict[str, Any]:
    """ModelOpt's attributes of the quantizer of one input of a layer or product."""
    sign = {"unsigned": (name, place) not in negative}
    return {"num_bits": bits.activations, "axis": None, "calibrator": calibrator, **sign}


def _layout(
    model: nn.Module, bits: Bits, operand: Callable[[str, int], dict[str, Any]]
) -> list[dict[str, Any]]:
    """ModelOpt's list of what is quantized how: every layer by name, and nothing else."""
    from torch import nn

    from ganqbench.adapters._operands import LAYERS

    entries: list[dict[str, Any]] = [{"quantizer_name": "*", "enable": False}]
    for name, module in model.named_modules():
        if isinstance(module, LAYERS):
            # The toolkit's default for transposed convolutions is 0 as well, their input channels.
            axis = 1 if isinstance(module, nn.ConvTranspose2d) else 0
            weight = {"num_bits": bits.weights, "axis": axis}
            entries.append({"quantizer_name": f"{name}.weight_quantizer", "cfg": weight})
            entries.append({"quantizer_name": f"{name}.input_quantizer", "cfg": operand(name, 0)})
    return entries


def _quantize_products(model: nn.Module, operand: Callable[[str, int], dict[str, Any]]) -> None:
    """Put quantizers on attention's products, which ModelOpt leaves in floating point."""
    from modelopt.torch.quantization.config import QuantizerAttributeConfig
    from modelopt.torch.quantization.nn import TensorQuantizer

    from ganqbench.adapters._matmul import QuantMatMul
    from ganqbench.zoo.layers import MatMul

    for name, module in list(model.named_modules()):
        if isinstance(module, MatMul):
            sides = [TensorQuantizer(QuantizerAttributeConfig(**operand(name, place))) for place in (0, 1)]
            model.set_submodule(name, QuantMatMul(*sides))


@contextmanager
def _labels_as_they_are(model: nn.Module) -> Iterator[None]:
    """Keep one-hot inputs out of calibration: SmoothQuant would move them off the grid."""
    import torch

    from ganqbench.zoo.sagan import ConditionalBatchNorm

    norms = [module for module in model.modules() if isinstance(module, ConditionalBatchNorm)]
    quantizers: list[Any] = [layer.input_quantizer for norm in norms for layer in (norm.gain, norm.bias)]
    for quantizer in quantizers:
        quantizer.disable()
    yield
    for quantizer in quantizers:
        quantizer.amax = torch.tensor(1.0)
        quantizer.enable()


def _set_ranges(model: nn.Module, run: Callable[[nn.Module], None], amax: Mapping[str, Any]) -> None:
    """Calibrate activations by a search on their histograms, weights by their largest magnitude."""
    from modelopt.torch.quantization.model_calib import enable_stats_collection

    enable_stats_collection(model)
    run(model)
    for quantizer in _quantizers(model):
        quantizer.load_calib_amax(**(amax if quantizer.axis is None else {}))
        quantizer.enable_quant()
        quantizer.disable_calib()


def _saturate_unsigned(model: nn.Module) -> None:
    from ganqbench.adapters._operands import saturate

    for quantizer in _quantizers(model):
        if quantizer.unsigned:
            quantizer.register_forward_pre_hook(saturate)


def _quantizers(model: nn.Module) -> list[Any]:
    from modelopt.torch.quantization.nn import TensorQuantizer

    return [module for module in model.modules() if isinstance(module, TensorQuantizer) and module.is_enabled]
