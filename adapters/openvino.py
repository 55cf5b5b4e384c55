"""OpenVINO's post-training quantization (NNCF): an integer graph, which OpenVINO runs in our session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ganqbench.adapter import Adapter, Method, Skip

if TYPE_CHECKING:
    from torch import nn

    from ganqbench.cell import Cell
    from ganqbench.zoo.generator import Inputs


class OpenVINO(Adapter):
    """Symmetric weights per channel, activations per tensor, floating-point biases.

    NNCF also rounds what enters additions and other operations where OpenVINO gains by it, unless the
    method says otherwise.
    """

    name: ClassVar[str] = "openvino"
    requires: ClassVar[tuple[str, ...]] = ("openvino", "nncf", "onnx", "onnxscript", "onnxruntime")
    methods: ClassVar[Mapping[str, Method]] = {
        "ptq-minmax": Method(
            title="Min-max ranges",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877): smallest and largest value of each tensor.",
            options={"statistics": "max", "bias_correction": False},
        ),
        "ptq-minmax-bias": Method(
            title="Min-max ranges averaged over batches, fast bias correction (NNCF's default)",
            kind="ptq",
            reference="Nagel et al. 2019 (arXiv 1906.04721): biases absorb each layer's mean error.",
            options={"statistics": "mean", "bias_correction": True},
        ),
        "ptq-minmax-products": Method(
            title="Min-max ranges, operands of products alone",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877); sums on residual paths stay in floating point.",
            options={"statistics": "max", "bias_correction": False, "products_alone": True},
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """8 bits."""
        if (cell.bits.weights, cell.bits.activations) != (8, 8):
            return Skip(f"NNCF's post-training quantization knows 8 bits only: {cell.bits} is something else")
        return None

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Export the graph, quantize it with NNCF; return a session of its bytes in OpenVINO."""
        from ganqbench.adapters._isolation import isolated, muted
        from ganqbench.adapters._onnx import FloatModel
        from ganqbench.deploy.session import IntegerSession

        with isolated(cell.seed), muted():
            model = FloatModel.of(generator.eval(), next(iter(calibration)))
            return IntegerSession(
                _quantized(model, calibration, self.methods[cell.method].options), "openvino"
            )


def _quantized(model: Any, calibration: Iterable[Inputs], options: Mapping[str, Any]) -> bytes:
    from ganqbench.deploy.runtimes import no_telemetry

    with no_telemetry():
        import nncf
    from nncf.common.quantization.structs import QuantizationPreset
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
    from nncf.quantization.range_estimator import (
        AggregatorType,
        RangeEstimatorParameters,
        StatisticsCollectorParameters,
        StatisticsType,
    )

    aggregate = {"max": (AggregatorType.MIN, AggregatorType.MAX), "mean": (AggregatorType.MEAN,) * 2}
    low, high = aggregate[options["statistics"]]
    ranges = RangeEstimatorParameters(
        min=StatisticsCollectorParameters(statistics_type=StatisticsType.MIN, aggregator_type=low),
        max=StatisticsCollectorParameters(statistics_type=StatisticsType.MAX, aggregator_type=high),
    )
    feeds = list(model.feeds(calibration))
    ignored = model.others if options.get("products_alone") else model.filters
    quantized = nncf.quantize(
        model.proto,
        nncf.Dataset(feeds),
        preset=QuantizationPreset.MIXED,
        subset_size=len(feeds),
        # A rounded divisor (StyleGAN2 divides styles by their size) would cost far more than it gains.
        ignored_scope=nncf.IgnoredScope(names=list(ignored), types=["Div"], validate=False),
        fast_bias_correction=True,
        advanced_parameters=AdvancedQuantizationParameters(
            disable_bias_correction=not options["bias_correction"],
            activations_range_estimator_params=ranges,
        ),
    )
    finished: bytes = model.finish(quantized)
    return finished
