"""Traps of the runtimes in which integer graphs run: shown at a small graph, and avoided by an adapter."""

from __future__ import annotations

import numpy as np
import pytest
import workbench as wb
from graph_writer import GraphWriter
from numpy.typing import NDArray

from ganqbench.deploy.runtimes import Runtime, open_model
from ganqbench.deploy.saturation import saturates

SHAPE = [2, 8, 16, 16]


class Writer(GraphWriter):
    """A graph of 3 x 3 convolutions with 8-bit weights."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)

    def conv(self, value: str, output: str) -> str:
        weight = self.rng.integers(-127, 128, (8, 8, 3, 3)).astype(np.int8)
        q, s = self.constant(f"{output}.q8", weight), self.constant(f"{output}.s8", np.full(8, 0.01, "f4"))
        z = self.constant(f"{output}.z8", np.zeros(8, np.int8))
        weights = self.node("DequantizeLinear", [q, s, z], f"{output}.w", axis=0)
        return self.node("Conv", [value, weights], output, pads=[1] * 4)

    def finish(self, last: str) -> bytes:
        return self.model(self.node("Identity", [last], "y"), SHAPE)


def residual(rounds: bool, behind: bool) -> bytes:
    """A convolution on a residual path: its result rounded or not, the sum read in integers or not."""
    writer = Writer()
    path = writer.conv(writer.rounded("x", 0.02), "path")
    total = writer.node("Add", [writer.rounded(path, 0.5) if rounds else path, "x"], "sum")
    return writer.finish(writer.conv(writer.rounded(total, 0.5), "behind") if behind else total)


def run(model: bytes, runtime: Runtime) -> NDArray[np.float32]:
    x = np.random.default_rng(1).uniform(-2.5, 2.5, SHAPE).astype(np.float32)
    return open_model(model, runtime)([x])


def apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Root mean square of the difference, of the second's standard deviation."""
    return float(np.sqrt(np.mean((one - other) ** 2)) / other.std())


def test_openvino_leaves_out_the_rounding_between_a_convolution_and_a_sum() -> None:
    """It gives what the graph without that rounding gives, where the sum is read in integers."""
    if saturates("openvino"):
        pytest.skip("sums saturate on this CPU, which moves images by more")
    asked, without = residual(rounds=True, behind=True), residual(rounds=False, behind=True)
    images = run(asked, "openvino")
    assert apart(images, run(without, "onnxruntime")) < 0.005
    assert apart(images, run(asked, "onnxruntime")) > 0.02
    elsewhere = residual(rounds=True, behind=False)
    assert apart(run(elsewhere, "openvino"), run(elsewhere, "onnxruntime")) < 0.005


@wb.beside(wb.Case("openvino", "ptq-minmax-products", "sagan"))
def test_openvino_products_alone_ask_for_no_rounding_of_sums(at: wb.Case) -> None:
    asked = {}
    for method in ("ptq-minmax", at.method):
        graph = wb.graph_of(wb.quantized(wb.Case("openvino", method, "sagan"), "W8A8"))
        makers = {output: node.op_type for node in graph.node for output in node.output}
        sums = [node for node in graph.node if node.op_type == "Add"]
        asked[method] = sum(makers.get(name) == "DequantizeLinear" for node in sums for name in node.input)
    assert asked["ptq-minmax"] > 0
    assert asked[at.method] == 0
