"""ONNX Runtime's static quantization: an integer graph, which the harness's own session runs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ganqbench.adapter import Adapter, Method, Skip

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto
    from torch import nn

    from ganqbench.adapters._onnx import FloatModel
    from ganqbench.cell import Cell
    from ganqbench.zoo.generator import Inputs

_PRODUCTS = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
_JACOB = "Jacob et al. 2018 (arXiv 1712.05877)"


class OnnxRuntime(Adapter):
    """Symmetric weights per channel, asymmetric activations per tensor, 32-bit integer biases.

    Only the operands of products are rounded, unless the method says otherwise.
    """

    name: ClassVar[str] = "onnxruntime"
    requires: ClassVar[tuple[str, ...]] = ("onnxruntime", "onnx", "onnxscript")
    methods: ClassVar[Mapping[str, Method]] = {
        "ptq-minmax": Method(
            title="Min-max ranges",
            kind="ptq",
            reference=f"{_JACOB}: smallest and largest value of each tensor.",
            options={"ranges": "MinMax"},
        ),
        "ptq-percentile": Method(
            title="Percentile ranges",
            kind="ptq",
            reference="McKinstry et al. 2018 (arXiv 1809.04191): 0.001 % of the values clipped.",
            options={"ranges": "Percentile", "settings": {"percentile": 99.999, "num_bins": 2048}},
        ),
        "ptq-entropy": Method(
            title="KL-divergence ranges",
            kind="ptq",
            reference="Migacz 2017 (TensorRT): the clip that changes the distribution least.",
            options={"ranges": "Entropy", "settings": {"num_bins": 512, "num_quantized_bins": 128}},
        ),
        "ptq-minmax-7bit": Method(
            title="Min-max ranges, 7 of 8 bits used (reduce_range)",
            kind="ptq",
            reference="ONNX Runtime's reduce_range: no sum of two products overflows 16 bits on CPUs "
            "whose instructions add them up there (AVX2 without VNNI).",
            options={"ranges": "MinMax", "reduce_range": True},
        ),
        "ptq-minmax-outputs": Method(
            title="Min-max ranges, results of products rounded as well",
            kind="ptq",
            reference=f"{_JACOB}; ONNX Runtime's default, without which its convolutions run in floating "
            "point.",
            options={"ranges": "MinMax", "outputs": True},
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """8-bit activations and 8- or 4-bit weights."""
        widths = (cell.bits.weights, cell.bits.activations)
        if widths not in ((8, 8), (4, 8)):
            return Skip(f"ONNX Runtime's quantizer writes W8A8 and W4A8: {cell.bits} is neither")
        if widths == (4, 8) and self.methods[cell.method].options.get("reduce_range"):
            return Skip("reduce_range is for 8-bit weights, which it makes 7-bit ones: ask for W8A8")
        return None

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Export, calibrate and quantize the graph; return a session of its bytes."""
        import tempfile
        from pathlib import Path

        from ganqbench.adapters._isolation import isolated, muted
        from ganqbench.adapters._onnx import FloatModel
        from ganqbench.deploy.session import IntegerSession

        with isolated(cell.seed), muted(), tempfile.TemporaryDirectory() as folder:
            model = FloatModel.of(generator.eval(), next(iter(calibration)))
            options = self.methods[cell.method].options
            return IntegerSession(_quantized(model, calibration, cell.bits.weights, options, Path(folder)))


def _quantized(
    model: FloatModel,
    calibration: Iterable[Inputs],
    weight_bits: int,
    options: Mapping[str, Any],
    folder: Path,
) -> bytes:
    """As `quantize_static` does it, which has no way to say into how many bins a histogram is cut.

    With its own 128, as many as levels, the entropy search has one candidate: the whole range.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    ranges = _ranges(model, calibration, CalibrationMethod[options["ranges"]], options, folder)
    kinds = [] if options.get("outputs") else _PRODUCTS
    quantizer = QDQQuantizer(
        model.proto,
        True,  # a scale for each output channel
        options.get("reduce_range", False),
        QuantType.QInt8 if weight_bits == 8 else QuantType.QInt4,
        QuantType.QUInt8,
        ranges,
        None,
        list(model.others),
        _PRODUCTS,
        {"OpTypesToExcludeOutputQuantization": kinds},
    )
    quantizer.quantize_model()
    if not options.get("outputs"):
        _round_operands_alone(quantizer.model.model, model.products)
    return model.finish(quantizer.model.model)


def _round_operands_alone(model: ModelProto, products: Collection[str]) -> None:
    """Give every node but the products its operands back as they were before rounding.

    The quantizer puts a rounded tensor in front of all who read it. In a residual network that rounds
    the sum on the main path again in each block, with the range of an operand of the shortcut's.
    """
    sources = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    rounded = {
        node.output[0]: sources[node.input[0]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in sources
    }
    for node in model.graph.node:
        if node.name not in products:
            for place, name in enumerate(node.input):
                node.input[place] = rounded.get(name, name)


def _equal(calibration: Iterable[Inputs]) -> list[Inputs]:
    """The same items in batches of one size, as histograms ask for: their collector stacks batches."""
    import torch

    batches = list(calibration)
    size = math.gcd(*(len(batch[0]) for batch in batches))
    columns = [torch.cat(column).split(size) for column in zip(*batches, strict=True)]
    return list(zip(*columns, strict=True))


def _ranges(
    model: FloatModel, calibration: Iterable[Inputs], method: Any, options: Mapping[str, Any], folder: Path
) -> Any:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, create_calibrator

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """The batches, one by one, then None."""

        def __init__(self) -> None:
            self.batches: Iterator[dict[str, Any]] = model.feeds(_equal(calibration))

        def get_next(self) -> dict[str, Any] | None:
            return next(self.batches, None)

    plain = folder / "float.onnx"
    onnx.save(model.proto, plain)
    settings = {"symmetric": False, **options.get("settings", {})}
    calibrator = create_calibrator(
        plain, _PRODUCTS, str(folder / "augmented.onnx"), calibrate_method=method, extra_options=settings
    )
    calibrator.collect_data(Reader())
    return calibrator.compute_data()
