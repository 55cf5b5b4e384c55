"""ONNX graphs written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper


class GraphWriter:
    """Collects the nodes and constants of a graph, as an adapter could."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def rounded(self, value: str, scale: float, zero: int = 128) -> str:
        """QuantizeLinear and DequantizeLinear of an activation."""
        s = self.constant(f"{value}.s", np.float32(scale))
        z = self.constant(f"{value}.z", np.uint8(zero))
        q = self.node("QuantizeLinear", [value, s, z], f"{value}.q")
        return self.node("DequantizeLinear", [q, s, z], f"{value}.dq")

    def model(self, output: str, shape: Sequence[int | str]) -> bytes:
        """The checked model that computes `output` from "x", both of that shape."""
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", output)]
        graph = helper.make_graph(self.nodes, "g", ends[:1], ends[1:], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(model)
        return model.SerializeToString()
