"""A full-precision generator as an ONNX graph whose constants are its parameters."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ganqbench.deploy.graph import PRODUCTS, Graph
from ganqbench.zoo.generator import Inputs

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSET = 21
"""The first with 4-bit integers in QuantizeLinear and DequantizeLinear."""
IMAGES = "images"
_NORM = "BatchNormalization"


def float_graph(generator: nn.Module, example: Inputs, *, fold: bool = True) -> ModelProto:
    """`generator(*example)` as a graph for any number of items; it has to be in eval mode.

    Initializers carry the names of the parameters. Norms are folded into the convolutions before
    them unless `fold` is False, so that weights stay as they are. The sums of squared weights that
    StyleGAN2's demodulation takes are computed in the graph from the weights.
    """
    items: Any = torch.export.Dim.DYNAMIC
    # The exporter wants to see more than one item, or it would take the number for a constant.
    several = tuple(value if len(value) > 1 else torch.cat([value, value]) for value in example)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # its own deprecations
        program: Any = torch.onnx.export(
            generator,
            several,
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=tuple({0: items} for _ in several),
            output_names=[IMAGES],
            optimize=False,
            verbose=False,
        )
        norms = [] if fold else [one for one in program.model.graph if one.op_type == _NORM]
        for norm in norms:
            norm.domain = "kept"  # a name that the optimizer does not know
        program.optimize()
        for norm in norms:
            norm.domain = ""
        graph = Graph(program.model_proto)
    for node in graph.nodes:
        # These hold the paths of source files.
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    _unfold_energies(graph)
    _unfold_noises(graph)
    _part_biases(graph)
    model = graph.finish()
    for value in (*model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
        value.type.tensor_type.shape.dim[0].dim_param = "items"
    return model


def _unfold_energies(graph: Graph) -> None:
    """Compute from the weights what the exporter had folded into constants."""
    weights = {name: value for name, value in graph.constants.items() if value.ndim == 4}
    for node in graph.nodes:
        if node.op_type == "Pow" and node.input[0] in weights and _is_two(graph, node.input[1]):
            node.op_type = "Mul"
            node.input[1] = node.input[0]
    energies = {name: np.square(value).sum(axis=(2, 3)) for name, value in weights.items()}
    for node in [one for one in graph.nodes if one.op_type == "MatMul"]:
        folded = graph.constants.get(node.input[1])
        if folded is None:
            continue
        for name, energy in energies.items():
            if _equal(folded, energy) or _equal(folded, energy.T):
                node.input[1] = _energy(graph, name, transposed=not _equal(folded, energy))
                break


def _is_two(graph: Graph, name: str) -> bool:
    value = graph.constants.get(name)
    return value is not None and value.size == 1 and value.item() == 2


def _unfold_noises(graph: Graph) -> None:
    """Add noise and bias up in the graph: folded, each channel keeps a noise image of its own."""
    for node in [one for one in graph.nodes if one.op_type == "Add"]:
        for place, name in enumerate(node.input):
            whole = graph.constants.get(name)
            if whole is None or whole.ndim != 3 or min(whole.shape) < 2:
                continue
            exact = whole.astype(np.float64)
            biases = (exact - exact[:1]).mean((1, 2), keepdims=True)
            noise = (exact - biases).mean(0, keepdims=True)
            if np.allclose(biases + noise, exact, rtol=0, atol=1e-6 * np.abs(exact).max()):
                parts = [("noise", noise), ("bias", biases)]
                names = [graph.constant(f"{name}.{part}", value.astype(np.float32)) for part, value in parts]
                node.input[place] = graph.add("Add", names, f"{name}.unfolded")


def _part_biases(graph: Graph) -> None:
    """Give each layer a bias of its own: the exporter merged equal ones, whose integers differ."""
    seen: set[str] = set()
    for node in graph.nodes:
        if node.op_type in PRODUCTS and len(node.input) > 2:
            if node.input[2] in seen:
                node.input[2] = graph.constant(node.input[2], graph.constants[node.input[2]])
            seen.add(node.input[2])


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-5, atol=0)


def _energy(graph: Graph, weight: str, *, transposed: bool) -> str:
    squares = graph.add("Mul", [weight, weight], f"{weight}.squares")
    axes = graph.constant("spatial", np.array([2, 3]))
    energy = graph.add("ReduceSum", [squares, axes], f"{weight}.energy", keepdims=0)
    return graph.add("Transpose", [energy], f"{weight}.energy.t", perm=[1, 0]) if transposed else energy


def take_integers(graph: Graph, weight: str, scaled: str) -> None:
    """Let the sums of a weight's squares take it as its layer does now, scaled back from integers.

    They are the only other place that takes weights. Left as they were, they would keep a second copy
    in full precision, and demodulate by weights that the layer no longer has.
    """
    for node in graph.nodes:
        if node.op_type == "Mul" and list(node.input) == [weight, weight]:
            node.input[0] = node.input[1] = scaled


def parameter_products(graph: Graph, generator: nn.Module) -> list[NodeProto]:
    """The nodes that are layers or products of two activations, in the order in which they run.

    Not so the fixed filters and the demodulation, whose constants are no parameters.
    """
    parameters = {name for name, _ in generator.named_parameters()}
    return [
        node
        for node in graph.nodes
        if node.op_type in PRODUCTS and (node.input[1] in parameters or graph.varies(node.input[1]))
    ]
