"""Which share of a graph's multiplications integer kernels execute, as the runtimes themselves report it.

Names of nodes in the file prove nothing: a runtime scales integers back and multiplies floats where
it has no better kernel.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

_CONVOLUTIONS = {"Conv": 1, "FusedConv": 1, "NhwcFusedConv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""ONNX Runtime's operators and which input is the weight."""
_TRANSPOSED = {"ConvTranspose": 1}
_INTEGER_MATMULS = (
    *("QGemm", "QLinearMatMul", "MatMulInteger", "MatMulIntegerToFloat"),
    "DynamicQuantizeMatMul",
)
_MATMULS = ("MatMul", "FusedMatMul", "TransposeMatMul", "Gemm", "FusedGemm", *_INTEGER_MATMULS)
_INTEGER = ("QLinearConv", "ConvInteger", *_INTEGER_MATMULS)
_OPENVINO = ("Convolution", "Deconvolution", "FullyConnected", "MatMul")

_Product = tuple[str, int, bool]
"""A product's operator, its MACs and whether it ran in integers."""


@dataclass(frozen=True)
class Executed:
    """`share` of the MACs that integer kernels executed, None where there was no product or nothing tells.

    `in_floating_point` has the shares that floating point executed by the runtime's name of the operator.
    """

    share: float | None
    in_floating_point: Mapping[str, float]

    @classmethod
    def of(cls, products: Iterable[_Product]) -> Executed:
        """From every product that ran."""
        counted = list(products)
        whole = sum(macs for _, macs, _ in counted)
        floating: defaultdict[str, float] = defaultdict(float)
        for operator, macs, integer in counted:
            if not integer:
                floating[operator] += macs / whole
        narrow = sum(macs for _, macs, integer in counted if integer)
        return cls(narrow / whole if whole else None, dict(floating))

    @classmethod
    def in_floats(cls) -> Executed:
        """Of a runtime that has been given nothing but floats."""
        return cls(0.0, {})

    @classmethod
    def untold(cls) -> Executed:
        """Of a runtime that doesn't tell."""
        return cls(None, {})

    @property
    def note(self) -> str | None:
        """Which operators had no integer kernel, in words; None where all had one."""
        parts = sorted(self.in_floating_point.items(), key=lambda part: -part[1])
        if not parts:
            return None
        return "no integer kernel ran " + ", ".join(f"{name} ({share:.1%} of MACs)" for name, share in parts)


def by_onnxruntime(model: bytes, feeds: Mapping[str, NDArray[Any]], provider: str) -> Executed:
    """By the profile of one run and the graph that ONNX Runtime had optimized for it."""
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        options.optimized_model_filepath = str(Path(folder, "optimized.onnx"))
        session = onnxruntime.InferenceSession(model, options, providers=[provider])
        session.run(None, dict(feeds))
        events = json.loads(Path(session.end_profiling()).read_text())
        optimized = onnx.load(options.optimized_model_filepath)
    return Executed.of(_onnxruntime_products(events, optimized))


def _onnxruntime_products(
    events: Iterable[Mapping[str, Any]], optimized: Any
) -> Iterable[tuple[str, int, bool]]:
    nodes = {node.name: node for node in optimized.graph.node}
    shapes = {one.name: list(one.dims) for one in optimized.graph.initializer}
    for event in events:
        name, suffix = str(event.get("name", "")), "_kernel_time"
        if event.get("cat") != "Node" or not name.endswith(suffix):
            continue
        operator = event["args"]["op_name"]
        taken, *others = _shapes(event["args"]["input_type_shape"])
        given, *_ = _shapes(event["args"]["output_type_shape"])
        node = nodes.get(name.removesuffix(suffix))
        if operator in _CONVOLUTIONS or operator in _TRANSPOSED:
            places = _CONVOLUTIONS | _TRANSPOSED
            # Weights that were packed beforehand are no inputs of the run any more.
            weight = next((shape for shape in others if len(shape) > 2), None)
            if weight is None and node is not None:
                weight = shapes.get(node.input[places[operator]])
            if weight is None:
                raise ValueError(f"nothing tells the weight of {name}")
            across = taken if operator in _TRANSPOSED else given
            yield operator, math.prod(across) * math.prod(weight[1:]), operator in _INTEGER
        elif operator in _MATMULS:
            yield operator, math.prod(given) * taken[-1], operator in _INTEGER


def _shapes(described: Iterable[Mapping[str, list[int]]]) -> list[list[int]]:
    return [next(iter(one.values())) for one in described]


def by_openvino(compiled: Any) -> Executed:
    """By the precision that the compiled graph says each product is executed in."""
    return Executed.of(_openvino_products(compiled.get_runtime_model().get_ordered_ops()))


def _openvino_products(operators: Iterable[Any]) -> Iterable[_Product]:
    for operator in operators:
        told = {key: value.astype(str) for key, value in operator.get_rt_info().items()}
        if told.get("layerType") not in _OPENVINO:
            continue
        taken, weight = (list(operator.input(place).get_shape()) for place in (0, 1))
        given = list(operator.output(0).get_shape())
        match told["layerType"]:
            case "Convolution":  # [out, in, k, k], with groups before where there are any
                macs = math.prod(given) * math.prod(weight[-3:])
            case "Deconvolution":
                macs = math.prod(taken) * math.prod(weight[-3:])
            case _:
                macs = math.prod(given) * taken[-1]
        yield told["layerType"], macs, told["runtimePrecision"] in ("i8", "u8")
