"""Runtimes whose integer sums saturate on this CPU, and weights narrow enough that they don't.

AVX2 without VNNI adds two products of uint8 and int8 in 16 bits: 255 * 127 * 2 doesn't fit, 255 * 64 * 2
does. Whether a runtime uses that instruction is found out by running it, not by the CPU's name.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ganqbench.deploy.graph import Graph

if TYPE_CHECKING:
    from onnx import ModelProto

    from ganqbench.deploy.runtimes import Runtime

CHANNELS = 64
SAFE = 64
"""Largest weight of which no two products overflow 16 bits."""


def saturates(runtime: Runtime) -> bool:
    """Whether the largest inputs times the largest weights come out too small."""
    from ganqbench.deploy.runtimes import open_model

    run = open_model(largest_sums(), runtime)
    images = run([np.full((1, CHANNELS, 8, 8), 255, np.float32)])
    return bool(np.abs(images - 200).max() > 1)


def largest_sums() -> bytes:
    """A convolution of 255 with 127 everywhere, scaled so that each result is 200."""
    from onnx import TensorProto, helper, numpy_helper

    weight = np.full((CHANNELS, CHANNELS, 3, 3), 127, np.int8)
    constants = {
        "one": np.float32(1),
        "zero": np.uint8(0),
        "weight": weight,
        "steps": np.full(CHANNELS, 200 / (255 * 127 * 9 * CHANNELS), np.float32),
        "zeros": np.zeros(CHANNELS, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "one", "zero"], ["xs"]),
        helper.make_node("DequantizeLinear", ["weight", "steps", "zeros"], ["ws"], axis=0),
        helper.make_node("Conv", ["xs", "ws"], ["c"]),
        # ONNX Runtime has integer kernels only where the result is rounded, too.
        helper.make_node("QuantizeLinear", ["c", "one", "zero"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "one", "zero"], ["y"]),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, CHANNELS, size, size])
        for name, size in (("x", 8), ("y", 6))
    ]
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "sums", values[:1], values[1:], held)
    model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


def weight_bits(model: ModelProto) -> int:
    """Bits with sign of the widest stored weight: 7 for magnitudes up to 64, 8 up to 128."""
    graph = Graph(model)
    largest = max(int(np.abs(graph.constants[name].astype(np.int16)).max()) for name in _weights(graph))
    return 1 + max(1, int(np.ceil(np.log2(max(largest, 1)))))


def halved(model: ModelProto) -> ModelProto:
    """The model with 8-bit weights rounded to 7 bits; those that fit already stay as they are."""
    graph = Graph(copy.deepcopy(model))
    for name, node in _weights(graph).items():
        numbers = graph.constants[name]
        if np.abs(numbers.astype(np.int16)).max() <= SAFE:
            continue
        scale = graph.constants[node.input[1]]
        node.input[0] = graph.constant(name, np.rint(numbers / 2).astype(np.int8))
        node.input[1] = graph.constant(node.input[1], (2 * scale).astype(scale.dtype))
    return graph.finish()


def _weights(graph: Graph) -> dict[str, Any]:
    """Names of stored integer weights, each with the node that scales it back."""
    return {
        node.input[0]: node
        for node in graph.nodes
        if node.op_type == "DequantizeLinear"
        and node.input[0] in graph.constants
        and graph.constants[node.input[0]].ndim >= 2
    }
