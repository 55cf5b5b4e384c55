"""AMD Brevitas: layers swapped for quantized ones, ranges calibrated, weights improved on top."""

from __future__ import annotations

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
    "ConvTranspose is temporarily unsupported for GPxQ",  # said in GPTQ's title
)


class Brevitas(Adapter):
    """Per-channel symmetric weights, per-tensor asymmetric activations, float biases.

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
            reference="Nagel et al. 2019 (arXiv 1906.04721): biases absorb each layer's mean error.",
            options={"weights": "mse", "activations": "mse", "bias_correction": True},
        ),
        "gptq": Method(
            title="GPTQ (transposed convolutions rounded to nearest)",
            kind="reconstruction",
            reference="Frantar et al. 2023 (arXiv 2210.17323): later columns make up for the rounding of "
            "earlier ones. Brevitas leaves transposed convolutions out of it.",
            options={"weights": "mse", "activations": "minmax", "gptq": True},
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """Integer widths from 2 to 8."""
        return beyond_integers(cell, "Brevitas")

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Swap, calibrate, then correct biases or round by GPTQ."""
        import torch

        from ganqbench.adapters._isolation import isolated

        options = self.methods[cell.method].options
        with isolated(cell.seed, _WARNINGS), torch.no_grad():
            from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
            from brevitas.graph.quantize import layerwise_quantize

            model: nn.Module = layerwise_quantize(generator.eval(), _layers(cell.bits, options))
            model.apply(_return_plain_tensors)
            with calibration_mode(model):
                _run(model, calibration)
            # Weight ranges are searched at their first use, which has to happen here.
            _run(model, [next(iter(calibration))])
            if options.get("gptq"):
                _gptq(model, calibration)
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

    by_name = {"max": quant.Int8WeightPerChannelFloat, "mse": quant.Int8WeightPerChannelFloatMSE}
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


def _gptq(model: nn.Module, calibration: Iterable[Inputs]) -> None:
    from brevitas.graph.gptq import gptq_mode

    with gptq_mode(model, create_weight_orig=False, act_order=True) as gptq:
        for _ in range(gptq.num_layers):
            _run(gptq.model, calibration)  # stops by itself behind the layer whose turn it is
            gptq.update()
    # On leaving, gptq_mode puts the original method back as an attribute of the instance.
    del model.forward
