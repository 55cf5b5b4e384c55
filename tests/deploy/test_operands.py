"""Integer backends round the operands of products, and nothing on the paths between them."""

from __future__ import annotations

import copy
from typing import cast

import onnx
import pytest
from small_generators import small, small_inputs

from ganqbench.adapter import load_adapter
from ganqbench.cell import Cell
from ganqbench.deploy.graph import PRODUCTS
from ganqbench.deploy.session import IntegerSession


def rounded_elsewhere(method: str) -> set[str]:
    """Types of the nodes other than products that take a rounded activation."""
    generator = small("sagan", seed=1)
    adapter, name = method.split(".")
    cell = Cell.model_validate(
        {"suite": "test", "suite_version": 0, "gan": "sagan", "adapter": adapter, "seed": 0}
        | {"method": name, "bits": "W8A8"}
    )
    module = load_adapter(adapter).quantize(copy.deepcopy(generator), [small_inputs(generator, 4)], cell)
    graph = onnx.load_model_from_string(cast(IntegerSession, module).serialised).graph
    numbers = {node.output[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    rounded = {
        node.output[0]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in numbers
    }
    assert rounded
    return {node.op_type for node in graph.node if rounded & set(node.input)} - set(PRODUCTS)


@pytest.mark.parametrize("method", ["onnxruntime.ptq-minmax", "openvino.ptq-minmax-products"])
def test_a_residual_sum_is_rounded_for_its_shortcut_alone(method: str) -> None:
    # NNCF may put its rounding before what only moves values.
    assert rounded_elsewhere(method) <= {"Reshape", "Transpose", "Resize"}


def test_the_toolkits_round_more_where_a_method_asks_for_it() -> None:
    assert rounded_elsewhere("onnxruntime.ptq-minmax-outputs") - {"Reshape", "Transpose", "Resize"}
