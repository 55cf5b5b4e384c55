"""AMD Brevitas: layers swapped for quantized ones, ranges calibrated, weights improved on top."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ganqbench.adapter import Adapter, Method, Skip
from ganqbench.adapters._widths import beyond_integers

if TYPE_CHECKING:
    from torch import nn

    from ganqbench.cell import Bits, Cell
    from ganqbench.zoo.generator import Inputs

_WARNINGS = (
    "brevitas.fx is deprecated",  # Brevitas' own import of it
    "fast_hadamard_transform package not found",  # rotations are not used here
    "ConvTranspose is temporarily unsupported for GPxQ",  # said in the methods' titles
)
_DFQ = "Nagel et al. 2019 (arXiv 1906.04721)"


class Brevitas(Adapter):
    """Symmetric weights, per channel unless said otherwise; per-tensor asymmetric activations, float biases.

    Brevitas averages a range over the calibration batches, so that the larger the batches,
    the closer min-max comes to the extremes of the whole calibration set.
    """

    name: ClassVar[str] = "brevitas"
    requires: ClassVar[tuple[str, ...]] = ("brevitas",)
    methods: ClassVar[Mapping[str, Method]] = {
        "ptq-minmax": Method(
            title="Min-max ranges",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877): smallest and largest value of each tensor.",
            options={"weights": "max", "activations": "minmax"},
        ),
        "ptq-percentile": Method(
            title="Percentile ranges",
            kind="ptq",
            reference="McKinstry et al. 2018 (arXiv 1809.04191): 0.001 % of the values clipped on each side; "
            "weights MSE-optimal.",
            options={"weights": "mse", "activations": "percentile", "percentile": 99.999},
        ),
        "ptq-mse": Method(
            title="MSE-optimal ranges",
            kind="ptq",
            reference="Banner et al. 2019 (arXiv 1810.05723): the clip of least squared rounding error.",
            options={"weights": "mse", "activations": "mse"},
        ),
        "ptq-mse-bias": Method(
            title="MSE-optimal ranges, bias correction",
            kind="ptq",
            reference=f"{_DFQ}: biases absorb each layer's mean error.",
            options={"weights": "mse", "activations": "mse", "bias_correction": True},
        ),
        "ptq-minmax-bias": Method(
            title="Min-max ranges, bias correction",
            kind="ptq",
            reference=f"{_DFQ}: biases absorb each layer's mean error.",
            options={"weights": "max", "activations": "minmax", "bias_correction": True},
        ),
        "ptq-minmax-tensor": Method(
            title="Min-max ranges, one weight scale per layer",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877), per-layer weights: the price of doing without "
            "a scale per channel.",
            options={"weights": "tensor", "activations": "minmax"},
        ),
        "smoothquant": Method(
            title="Equalized layer inputs (SmoothQuant), min-max ranges",
            kind="ptq",
            reference="Xiao et al. 2023 (arXiv 2211.10438): weights take over half of the spread of their "
            "input channels, alpha 0.5, by Brevitas' layerwise activation equalization.",
            options={"weights": "max", "activations": "minmax", "equalize": 0.5},
        ),
        "smoothquant-mse": Method(
            title="Equalized layer inputs (SmoothQuant), MSE-optimal ranges",
            kind="ptq",
            reference="Xiao et al. 2023 (arXiv 2211.10438) with the ranges of Banner et al. 2019.",
            options={"weights": "mse", "activations": "mse", "equalize": 0.5},
        ),
        "gptq": Method(
            title="GPTQ (transposed convolutions rounded to nearest)",
            kind="reconstruction",
            reference="Frantar et al. 2023 (arXiv 2210.17323): later columns make up for the rounding of "
            "earlier ones. Brevitas leaves transposed convolutions out of it.",
            options={"weights": "mse", "activations": "minmax", "columns": "gptq"},
        ),
        "gpfq": Method(
            title="GPFQ (transposed convolutions rounded to nearest)",
            kind="reconstruction",
            reference="Lybrand and Saab 2021 (arXiv 2010.15979): greedy path following, towards what the "
            "full-precision network computes. Brevitas leaves transposed convolutions out of it.",
            options={"weights": "mse", "activations": "minmax", "columns": "gpfq"},
        ),
        "qronos": Method(
            title="Qronos (transposed convolutions rounded to nearest)",
            kind="reconstruction",
            reference="Zhang et al. 2025 (OpenReview 7axclBCYul): each column also corrects the error of "
            "the layers before. Brevitas leaves transposed convolutions out of it.",
            options={"weights": "mse", "activations": "minmax", "columns": "qronos"},
        ),
        "adaround": Method(
            title="AdaRound (Brevitas' learned rounding)",
            kind="reconstruction",
            reference="Nagel et al. 2020 (arXiv 2004.10568): every weight learns whether it is rounded up "
            "or down, layer by layer.",
            options={"weights": "mse", "activations": "mse", "learn_rounding": True},
        ),
        "qat-minmax": Method(
            title="Min-max weights, learned activation scales; calibrated start for QAT",
            kind="qat",
            reference="Jacob et al. 2018 (arXiv 1712.05877): straight-through rounding, weight ranges follow "
            "the weights. Without a recipe it is as calibrated.",
            options={"weights": "max", "activations": "minmax"},
            trainable=True,
        ),
        "qat-lsq": Method(
            title="Learned scales (LSQ); calibrated start for QAT",
            kind="qat",
            reference="Esser et al. 2020 (arXiv 1902.08153), as Brevitas' parameter scales, MSE-optimal at "
            "first. Without a recipe it is as calibrated.",
            options={"weights": "mse", "activations": "mse"},
            trainable=True,
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """Integer widths from 2 to 8; equalization not where something else reads the weights."""
        if cell.architecture == "stylegan2" and "equalize" in self.methods[cell.method].options:
            return Skip(
                "Brevitas' equalization rescales a layer's weights, and StyleGAN2's demodulation is computed "
                "from them: the images would change even in full precision. Take ptq-minmax or ptq-mse"
            )
        return beyond_integers(cell, "Brevitas")

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Equalize, swap, calibrate, then choose the weights' rounding and correct biases."""
        import torch

        from ganqbench.adapters._isolation import isolated
        from ganqbench.adapters._learned_rounding import Rounding, learn_rounding

        options = self.methods[cell.method].options
        with isolated(cell.seed, _WARNINGS), torch.no_grad():
            from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
            from brevitas.graph.quantize import layerwise_quantize

            original = copy.deepcopy(generator.eval())
            if "equalize" in options:
                _equalize(generator, calibration, options["equalize"])
            model: nn.Module = layerwise_quantize(generator, _layers(cell.bits, options))
            model.apply(_return_plain_tensors)
            with calibration_mode(model):
                _run(model, calibration)
            # Weight ranges are searched at their first use, which has to happen here.
            _run(model, [next(iter(calibration))])
            if "columns" in options:
                _round_columns(model, calibration, options["columns"])
            if options.get("learn_rounding"):
                learn_rounding(model.eval(), original, calibration, cell.seed, Rounding())
            if options.get("bias_correction"):
                with bias_correction_mode(model, skip_if_no_bias=True):
                    _run(model, calibration)
        return model.eval()


def _return_plain_tensors(module: Any) -> None:
    """Drop what Brevitas' tensor type tracks for the accumulator.

    It is not needed here, costs time, and warns at every call about zero points.
    """
    if hasattr(module, "skip_create_quant_tensor"):
        module.skip_create_quant_tensor = True


def _run(model: nn.Module, batches: Iterable[Inputs]) -> None:
    for inputs in batches:
        model(*inputs)


def _layers(bits: Bits, options: Mapping[str, Any]) -> dict[type[nn.Module], tuple[type[nn.Module], Any]]:
    """Brevitas' table of what is replaced by what."""
    import brevitas.nn as qnn
    from torch import nn

    from ganqbench.adapters._matmul import QuantMatMul
    from ganqbench.zoo.layers import MatMul

    operand = _activation_quantizer(options).let(bit_width=bits.activations)
    settings = {
        "input_quant": operand,
        "weight_quant": _weight_quantizer(options).let(bit_width=bits.weights),
        "bias_quant": None,
        "return_quant_tensor": False,
    }

    # Brevitas calls a function of one argument with the module that is about to be replaced.
    def quantizer(_: nn.Module) -> nn.Module:
        return qnn.QuantIdentity(act_quant=operand)  # type: ignore[no-any-return]

    return {
        nn.Conv2d: (qnn.QuantConv2d, settings),
        nn.ConvTranspose2d: (qnn.QuantConvTranspose2d, settings),
        nn.Linear: (qnn.QuantLinear, settings),
        MatMul: (QuantMatMul, {"left": lambda m: quantizer(m), "right": lambda m: quantizer(m)}),
    }


def _weight_quantizer(options: Mapping[str, Any]) -> Any:
    from brevitas import quant

    by_name = {
        "max": quant.Int8WeightPerChannelFloat,
        "mse": quant.Int8WeightPerChannelFloatMSE,
        "tensor": quant.Int8WeightPerTensorFloat,
    }
    return by_name[options["weights"]]


def _activation_quantizer(options: Mapping[str, Any]) -> Any:
    """Unsigned with a zero point, so that inputs after a ReLU have the whole range."""
    from brevitas import quant
    from brevitas.core.stats import NegativeMinOrZero
    from brevitas.inject.enum import StatsOp

    percentile = quant.ShiftedUint8ActPerTensorFloat
    match options["activations"]:
        case "mse":
            return quant.ShiftedUint8ActPerTensorFloatMSE
        case "percentile":
            high = options["percentile"]
            return percentile.let(high_percentile_q=high, low_percentile_q=100 - high)
        case _:
            return percentile.let(scaling_stats_op=StatsOp.MIN_MAX, zero_point_stats_impl=NegativeMinOrZero)


def _equalize(model: nn.Module, calibration: Iterable[Inputs], alpha: float) -> None:
    """SmoothQuant on every layer by itself: its input is multiplied by what its weights are divided by.

    One-hot labels are left alone: they lie on any grid as they are, and scaled ones do not.
    """
    from brevitas.graph.equalize import activation_equalization_mode

    from ganqbench.zoo.sagan import ConditionalBatchNorm

    labelled = [
        f"{name}.{child}"
        for name, module in model.named_modules()
        if isinstance(module, ConditionalBatchNorm)
        for child, _ in module.named_children()
    ]
    with activation_equalization_mode(model, alpha, add_mul_node=True, blacklist_layers=labelled):
        _run(model, calibration)


def _round_columns(model: nn.Module, calibration: Iterable[Inputs], algorithm: str) -> None:
    """Round each layer's weights column by column, earlier layers first."""
    from brevitas.graph.gpfq import GPFQ, gpfq_mode
    from brevitas.graph.gptq import gptq_mode
    from brevitas.graph.qronos import Qronos

    match algorithm:
        case "gptq":
            mode = gptq_mode(model, create_weight_orig=False, act_order=True)
        case "gpfq":
            mode = gpfq_mode(model, act_order=True, algorithm_impl=GPFQ)
        case _:
            mode = gpfq_mode(model, act_order=True, algorithm_impl=Qronos)
    with mode as rounding:
        for _ in range(rounding.num_layers):
            _run(rounding.model, calibration)  # stops by itself behind the layer whose turn it is
            rounding.update()
    # On leaving, the mode puts the original method back as an attribute of the instance.
    del model.forward
    for module in model.modules():
        if hasattr(module, "weight_orig"):
            del module.weight_orig  # a copy in full precision, no part of the result
