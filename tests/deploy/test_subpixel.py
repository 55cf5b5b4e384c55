"""Rewritten transposed convolutions compute the same sums, in whatever their weights are stored."""

from __future__ import annotations

import itertools
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ganqbench.deploy.session import IntegerSession
from ganqbench.deploy.subpixel import rewrite_transposed

SHAPES = [
    shape
    for shape in itertools.product((2, 3, 4, 5), (0, 1, 2), (0, 1, 2), (0, 1))
    if shape[1] < shape[0] and shape[2] < shape[0]
]


def model(kernel: int, begin: int, end: int, extra: int, kind: Any, **more: Any) -> onnx.ModelProto:
    source = np.random.default_rng(0)
    numbers = source.integers(-8, 8, (4, 3, kernel, kernel))
    constants = [numpy_helper.from_array(source.integers(-9, 9, 3).astype(np.float32), "b")]
    nodes = []
    if kind is np.float32:
        constants.append(numpy_helper.from_array(numbers.astype(np.float32), "w"))
    else:
        constants.append(numpy_helper.from_array(numbers.astype(kind), "q"))
        constants.append(numpy_helper.from_array(np.float32([1, 2, 4]), "s"))
        constants.append(numpy_helper.from_array(np.zeros(3, np.int8).astype(kind), "z"))
        nodes.append(helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1))
    settings = {"strides": [2, 2], "pads": [begin, begin, end, end], "output_padding": [extra, extra], **more}
    nodes.append(helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], **settings))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, None, None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, None, None])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def run(proto: onnx.ModelProto) -> torch.Tensor:
    onnx.checker.check_model(proto)
    x = torch.randint(-9, 9, (2, 4, 7, 6), generator=torch.Generator().manual_seed(1)).float()
    images: torch.Tensor = IntegerSession(proto.SerializeToString())(x)
    return images


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_kernel_and_padding_gives_the_same_numbers(shape: tuple[int, int, int, int]) -> None:
    plain = model(*shape, kind=np.float32)
    rewritten = rewrite_transposed(plain)
    assert torch.equal(run(rewritten), run(plain))


def test_the_usual_layers_are_rewritten() -> None:
    for shape in ((3, 1, 1, 1), (3, 0, 0, 0), (4, 1, 1, 0)):  # CycleGAN's, StyleGAN2's, DCGAN's
        operators = [node.op_type for node in rewrite_transposed(model(*shape, kind=np.float32)).graph.node]
        assert "ConvTranspose" not in operators
        assert operators.count("Conv") == 1


@pytest.mark.parametrize("kind", [np.int8, ml_dtypes.int4], ids=["int8", "int4"])
def test_stored_integers_stay_as_they_are(kind: Any) -> None:
    plain = model(3, 1, 1, 1, kind)
    rewritten = rewrite_transposed(plain)
    stored = {one.name: one.raw_data for one in rewritten.graph.initializer}
    (numbers,) = (one.raw_data for one in plain.graph.initializer if one.name == "q")
    assert stored["q"] == numbers
    assert torch.equal(run(rewritten), run(plain))


def test_what_it_does_not_cover_is_left_alone() -> None:
    plain = model(3, 1, 1, 0, np.float32, strides=[1, 1])
    assert [node.op_type for node in rewrite_transposed(plain).graph.node] == ["ConvTranspose"]
    assert torch.equal(run(rewrite_transposed(plain)), run(plain))
