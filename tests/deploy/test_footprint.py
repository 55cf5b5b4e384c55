"""Memory of a model in a runtime, in a process of its own."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ganqbench.deploy.engines import Model
from ganqbench.deploy.footprint import footprint

MB = 1_000_000
INPUTS = [np.zeros((1, 1000), np.float32)]


def product(columns: int) -> Model:
    """A product with a weight of `columns` times 4 kB."""
    shapes = {"x": [1, 1000], "y": [1, columns]}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    weight = numpy_helper.from_array(np.ones((1000, columns), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", values[:1], values[1:], [weight]
    )
    model: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10
    )
    return Model(model.SerializeToString(), None)


def test_a_model_takes_its_weights_whatever_was_freed_before() -> None:
    freed = [np.ones(64_000, np.uint8) for _ in range(2000)]
    del freed
    small, large = (footprint("onnxruntime", product(columns), INPUTS, 1) for columns in (10, 20_000))
    assert small is not None
    assert large is not None
    assert small < 20 * MB  # nothing of the runtime itself
    assert large - small > 80 * MB


@pytest.mark.parametrize("engine", ["ncnn", "no-such-engine"])
def test_what_nobody_knows_is_no_number(engine: str) -> None:
    generator = nn.Identity()
    generator.unsent = lambda: None  # type: ignore[assignment]
    assert footprint(engine, Model(b"", generator), INPUTS, 1) is None
