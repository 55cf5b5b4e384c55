"""Read and change an ONNX graph by the names of its values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PRODUCTS: tuple[str, ...] = ("Conv", "ConvTranspose", "Gemm", "MatMul")
INTEGER_PRODUCTS = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")
"""Operators that multiply and accumulate, on any numbers and on integers."""


class Graph:
    """A model's graph while it is being changed; `finish` gives the new model.

    `nodes` may be changed freely: the order in which they are to run is found at the end, and
    nodes and constants that no output needs are dropped.
    """

    def __init__(self, model: ModelProto) -> None:
        from onnx import numpy_helper

        self._model = model
        self.nodes: list[NodeProto] = list(model.graph.node)
        self.constants: dict[str, NDArray[Any]] = {
            one.name: numpy_helper.to_array(one) for one in model.graph.initializer
        }
        self.outputs = [value.name for value in model.graph.output]
        self._taken = {name for node in self.nodes for name in node.output} | set(self.constants)
        self._taken |= {value.name for value in model.graph.input}

    def producer(self, name: str) -> NodeProto | None:
        """The node that computes a value; None for inputs and constants."""
        return next((node for node in self.nodes if name in node.output), None)

    def consumers(self, name: str) -> list[NodeProto]:
        """The nodes that take a value."""
        return [node for node in self.nodes if name in node.input]

    def varies(self, name: str) -> bool:
        """Whether a value depends on the graph's inputs (on their shapes counts, too)."""
        if name in self.constants or not name:
            return False
        node = self.producer(name)
        return node is None or any(self.varies(value) for value in node.input)

    def constant(self, hint: str, value: NDArray[Any]) -> str:
        """Enter a constant; returns its name, `hint` if that is free."""
        name = self._free(hint)
        self.constants[name] = value
        return name

    def add(self, op: str, inputs: Sequence[str], hint: str, output: str = "", **attributes: Any) -> str:
        """Enter a node of one output; returns the output's name."""
        from onnx import helper

        output = output or self._free(hint)
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def rename(self, node: NodeProto, hint: str) -> str:
        """Give a node's output another name; returns the old one, for a new node to compute."""
        old = str(node.output[0])
        node.output[0] = self._free(hint)
        return old

    def finish(self) -> ModelProto:
        """The model as changed; raises ValueError when nodes wait for each other."""
        from onnx import helper, numpy_helper

        nodes = self._ordered()
        used = {name for node in nodes for name in node.input}
        kept = self._model.graph
        graph = helper.make_graph(
            nodes,
            "generator",
            list(kept.input),
            list(kept.output),
            [numpy_helper.from_array(value, name) for name, value in self.constants.items() if name in used],
        )
        model: ModelProto = helper.make_model(
            graph, opset_imports=list(self._model.opset_import), ir_version=self._model.ir_version
        )
        return model

    def _ordered(self) -> list[NodeProto]:
        """The nodes that the outputs need, each behind those it takes from, else in the present order."""

        by_output = {name: index for index, node in enumerate(self.nodes) for name in node.output}
        waiting: defaultdict[int, set[int]] = defaultdict(set)
        needed: set[int] = set()
        stack = [by_output[name] for name in self.outputs]
        while stack:
            index = stack.pop()
            if index in needed:
                continue
            needed.add(index)
            waiting[index] = {by_output[name] for name in self.nodes[index].input if name in by_output}
            stack.extend(waiting[index])
        order: list[NodeProto] = []
        done: set[int] = set()
        left = sorted(needed)
        while left:
            ready = next((index for index in left if waiting[index] <= done), None)
            if ready is None:
                raise ValueError("the graph has a cycle")
            left.remove(ready)
            done.add(ready)
            order.append(self.nodes[ready])
        return order

    def _free(self, hint: str) -> str:
        name, number = hint, 1
        while name in self._taken:
            number += 1
            name = f"{hint}_{number}"
        self._taken.add(name)
        return name


def by_demand(graph: Graph) -> list[NodeProto]:
    """The nodes in the order in which the output asks for them, inputs from first to last.

    Tools reorder nodes as they like; this order follows from what is computed alone, and for
    generators it is that of their layers.
    """
    producers = {name: index for index, node in enumerate(graph.nodes) for name in node.output}
    order: dict[int, None] = {}
    stack = [(producers[name], False) for name in reversed(graph.outputs) if name in producers]
    while stack:
        index, asked = stack.pop()
        if index in order:
            continue
        if asked:
            order[index] = None
            continue
        stack.append((index, True))
        wanted = [producers[name] for name in graph.nodes[index].input if name in producers]
        stack.extend((one, False) for one in reversed(wanted) if one not in order)
    return [graph.nodes[index] for index in order]


def attributes(node: NodeProto) -> dict[str, Any]:
    """A node's attributes by name, as Python values."""
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def as_integers(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself, or as int8 / uint8 where numpy has no type for its few bits."""
    kind = array.dtype.name
    return array.astype(np.int8 if kind == "int4" else np.uint8) if kind in ("int4", "uint4") else array
