"""A serialised ONNX model as a torch module that runs its graph node by node.

So the audit sees every operand of the graph in the bytes, and all its other rules hold as they
are. Beside the values the graph says how operands are *held*: as integers, and of which type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ganqbench.audit.onnx_operators import DTYPES, OPERATORS
from ganqbench.audit.onnx_products import RANGES
from ganqbench.audit.operands import Held
from ganqbench.deploy.graph import INTEGER_PRODUCTS, PRODUCTS, Graph, as_integers, attributes, by_demand

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_MOVES = {"Transpose", "Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten", "Gather", "Slice", "Expand"}
_MOVES |= {"Resize", "DepthToSpace", "MaxPool", "Relu", "Pad"}
"""Operators that pick among their input's values, so that what comes out is held as what went in."""


class UnreadableModel(Exception):
    """The bytes are no model that can be audited; the message says why, as a sentence."""


class Program(nn.Module):
    """The graph as a module: `images = program(*inputs)`; parts that no input reaches are run once.

    `held` says by product (its path in this module) how its operands are stored. Raises
    UnreadableModel for bytes that aren't a model, or for an operator that isn't known.
    """

    def __init__(self, serialised: bytes) -> None:
        super().__init__()
        model = _parsed(serialised)
        graph = Graph(model)
        self._inputs = [value.name for value in model.graph.input if value.name not in graph.constants]
        (self._output,) = graph.outputs
        self._constants: dict[str, Tensor] = {
            name: torch.from_numpy(np.array(as_integers(value))) for name, value in graph.constants.items()
        }
        self.held: dict[str, Held] = {}
        self.steps = nn.ModuleList()
        types = _types(model)
        for node in by_demand(graph):
            step = Step(node, types)
            if all(not name or name in self._constants for name in node.input):
                self._constants[node.output[0]] = step(self._constants)
                continue
            if node.op_type in (*PRODUCTS, *INTEGER_PRODUCTS):
                self.held[f"steps.{len(self.steps)}"] = _held(graph, types, node)
            self.steps.append(step)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The images of these inputs, in the graph's order."""
        values = {**self._constants, **dict(zip(self._inputs, inputs, strict=True))}
        for step in self.steps:
            values[step.output] = step(values)
        images: Tensor = values[self._output]
        return images


class Step(nn.Module):
    """One node of the graph."""

    def __init__(self, node: NodeProto, types: Mapping[str, int]) -> None:
        super().__init__()
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
            name = f"{node.domain}.{node.op_type}".lstrip(".")
            raise UnreadableModel(f"The model holds the operator {name}, whose operands can't be read.")
        self.operator = OPERATORS[node.op_type]
        self.attributes = attributes(node)
        if node.op_type in ("QuantizeLinear", "QLinearConv", "QLinearMatMul"):
            self.attributes["range"] = RANGES[_quantized_type(node, types)]
        self.inputs = list(node.input)
        self.output: str = node.output[0]

    def forward(self, values: Mapping[str, Tensor]) -> Tensor:
        """The node's (first) output."""
        try:
            result: Tensor = self.operator(
                self.attributes, *(values[name] if name else None for name in self.inputs)
            )
        except (NotImplementedError, KeyError) as error:
            raise UnreadableModel(f"The audit can't read the node {self.output}: {error}.") from error
        return result


def _parsed(serialised: bytes) -> ModelProto:
    import onnx

    try:
        model = onnx.load_model_from_string(serialised)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's own classes
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise UnreadableModel(f"The bytes are no valid ONNX model: {text[0][:300]}.") from error
    if len(model.graph.output) != 1:
        raise UnreadableModel(f"The model has {len(model.graph.output)} outputs instead of one.")
    return model


def _types(model: ModelProto) -> dict[str, int]:
    """ONNX type numbers of constants, and of what is quantized."""
    types: dict[str, int] = {one.name: one.data_type for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "QLinearConv", "QLinearMatMul"):
            types[node.output[0]] = _quantized_type(node, types)
        elif node.op_type in _MOVES and node.input[0] in types:
            types[node.output[0]] = types[node.input[0]]
        elif node.op_type == "Cast" and attributes(node)["to"] in DTYPES:
            types[node.output[0]] = attributes(node)["to"]
    return types


def _quantized_type(node: NodeProto, types: Mapping[str, int]) -> int:
    place = {"QuantizeLinear": 2, "QLinearConv": 7, "QLinearMatMul": 7}[node.op_type]
    if len(node.input) > place and node.input[place] in types:
        return types[node.input[place]]
    stated: int = attributes(node).get("output_dtype", 0)
    return stated or 2


def _held(graph: Graph, types: Mapping[str, int], node: NodeProto) -> Held:
    if node.op_type in ("QLinearConv", "QLinearMatMul"):
        found = [_levels(types.get(node.input[place])) for place in (0, 3)]
    elif node.op_type in ("ConvInteger", "MatMulInteger"):
        found = [_levels(types.get(node.input[place])) for place in (0, 1)]
    else:
        found = [_stored(graph, types, node.input[place]) for place in (0, 1)]
    left, right = found
    return Held(right, left) if not graph.varies(node.input[0]) else Held(left, right)


def _stored(graph: Graph, types: Mapping[str, int], name: str) -> int | None:
    """Levels of the integers that a value is scaled back from; None where it isn't."""
    node = graph.producer(name)
    while node is not None and node.op_type in _MOVES:
        node = graph.producer(node.input[0])
    if node is None or node.op_type != "DequantizeLinear":
        return None
    return _levels(types.get(node.input[0]))


def _levels(kind: int | None) -> int | None:
    if kind not in RANGES:
        return None
    low, high = RANGES[kind]
    return high - low + 1
