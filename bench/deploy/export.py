"""Write a fake-quantized generator as an integer graph.

One way for every backend: the full-precision generator's graph, with the quantized one's
parameters and with QuantizeLinear and DequantizeLinear where its products round their operands. What
a backend does beyond that is not in the graph, so `parity` has the last word.
"""

from __future__ import annotations

import copy
import warnings
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ganqbench.deploy.affine import Activation, Weight
from ganqbench.deploy.float_graph import float_graph, parameter_products, take_integers
from ganqbench.deploy.graph import Graph
from ganqbench.deploy.operands import Site, sites
from ganqbench.deploy.subpixel import rewrite_transposed
from ganqbench.zoo.generator import Generator, Inputs

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


def quantized_graph(module: nn.Module, reference: Generator, inputs: Inputs) -> ModelProto:
    """The graph of `module`, a fake-quantized form of `reference`, for any number of items.

    Weights are stored as int8 or packed int4, activations are uint8 with one scale; `inputs` are a
    few calibration items. Raises UserError where an operand can't be written as integers.
    """
    found, energies = sites(module, reference, inputs)
    carrier = _carrier(module, reference, found)
    graph = Graph(float_graph(carrier, inputs, fold=False))
    _keep_energies(graph, found, energies)
    nodes = parameter_products(graph, carrier)
    done: dict[tuple[str, Activation], str] = {}
    for node, site in _paired(graph, nodes, found):
        if site.factors is not None:
            node.input[0] = _multiplied(graph, node.input[0], site.factors, site.values)
        if site.levelled:
            node.input[0] = _levelled(graph, node)
        for place, grid in enumerate(site.activations):
            node.input[place] = _rounded(graph, node.input[place], grid, done)
        if site.weight is not None:
            scaled = _scaled(graph, node.input[1], site.weight)
            take_integers(graph, node.input[1], scaled)
            node.input[1] = scaled
    return graph.finish()


def deployable(model: ModelProto) -> bytes:
    """The serialised model in the form that runtimes run fastest; what it computes is the same."""
    return bytes(rewrite_transposed(model).SerializeToString(deterministic=True))


def _keep_energies(graph: Graph, found: list[Site], energies: Mapping[str, NDArray[np.float32]]) -> None:
    """Demodulate as the quantized generator does, where that isn't by the weights as they act.

    Toolkits that round a weight inside its layer leave the full-precision one for the demodulation.
    """
    for site in found:
        owner, _, name = site.path.rpartition(".")
        if name != "conv" or owner not in energies or site.values is None:
            continue
        axis = 0 if site.weight is not None and site.weight.axis == 0 else 1
        acting = site.values.square().sum((2, 3)).numpy()
        acting = acting.T if axis == 0 else acting
        if np.allclose(energies[owner], acting, rtol=1e-5, atol=0):
            continue
        weight = f"{site.path}.weight"
        for node in graph.nodes:
            if node.op_type == "MatMul" and node.input[1].startswith(f"{weight}.energy"):
                node.input[1] = graph.constant(f"{weight}.demodulation", energies[owner])


def _paired(graph: Graph, nodes: list[NodeProto], found: list[Site]) -> list[tuple[NodeProto, Site]]:
    """Each node with its site: layers by the values of their weights, and of several alike in order."""
    waiting: defaultdict[object, list[Site]] = defaultdict(list)
    for site in found:
        waiting[None if site.values is None else _print(site.values.numpy())].append(site)
    pairs = []
    for node in nodes:
        sites = waiting[_print(graph.constants[node.input[1]]) if node.input[1] in graph.constants else None]
        if not sites:
            raise ValueError(f"{node.name} is no layer that the generator has")
        pairs.append((node, sites.pop(0)))
    left = [site.path for sites in waiting.values() for site in sites]
    if left:
        raise ValueError(f"the graph lacks {', '.join(left)}")
    return pairs


def _print(values: NDArray[Any]) -> tuple[tuple[int, ...], bytes]:
    return values.shape, np.ascontiguousarray(values).tobytes()


def _carrier(module: nn.Module, reference: Generator, found: list[Site]) -> Generator:
    """The reference with all parameters of the quantized generator, weights as they act."""
    carrier = copy.deepcopy(reference)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Brevitas hands arguments of state_dict on by position
        state = module.state_dict()
    own = carrier.state_dict()
    shared = {key: state[key] for key, value in own.items() if _same_shape(state.get(key), value)}
    carrier.load_state_dict({**own, **shared})
    with torch.no_grad():
        for site in found:
            if site.values is None:
                continue
            layer: Any = carrier.get_submodule(site.path)
            layer.weight.copy_(site.values)
            if layer.bias is not None:
                layer.bias.copy_(torch.zeros_like(layer.bias) if site.bias is None else site.bias)
    return carrier


def _same_shape(one: Any, other: torch.Tensor) -> bool:
    return isinstance(one, torch.Tensor) and one.shape == other.shape


def _multiplied(graph: Graph, name: str, factors: NDArray[np.float32], values: torch.Tensor | None) -> str:
    """Channels scaled before they are rounded, which runtimes do as they round."""
    spatial = 2 if values is not None and values.ndim == 4 else 0
    constant = graph.constant(f"{name}.factors", factors.reshape(1, -1, *[1] * spatial))
    return graph.add("Mul", [name, constant], f"{name}.multiplied")


def _levelled(graph: Graph, node: NodeProto) -> str:
    """Items divided by their root mean square, which the node's output gets back before its bias."""
    value = node.input[0]
    axes = graph.constant(f"{value}.axes", np.array([1, 2, 3]))
    square = graph.add("Mul", [value, value], f"{value}.square")
    power = graph.add("ReduceMean", [square, axes], f"{value}.power", keepdims=1)
    root = graph.add("Sqrt", [power], f"{value}.root")
    least = graph.constant(f"{value}.least", np.array(1e-8, np.float32))
    size = graph.add("Max", [root, least], f"{value}.size")
    bias = node.input[2] if len(node.input) > 2 else ""
    output = graph.rename(node, f"{value}.multiplied")
    restored = graph.add("Mul", [node.output[0], size], f"{value}.restored", "" if bias else output)
    if bias:
        per_channel = graph.constant(f"{bias}.channels", graph.constants[bias].reshape(1, -1, 1, 1))
        graph.add("Add", [restored, per_channel], f"{value}.biased", output)
        del node.input[2:]
    return graph.add("Div", [value, size], f"{value}.levelled")


def _rounded(graph: Graph, name: str, grid: Activation, done: dict[tuple[str, Activation], str]) -> str:
    if (name, grid) in done:
        return done[name, grid]
    value = name
    if grid.levels < 256:  # the type alone would not stop at the highest level
        highest = graph.constant(f"{name}.highest", np.array(grid.highest))
        value = graph.add("Clip", [value, "", highest], f"{name}.clipped")
    scale = graph.constant(f"{name}.scale", np.array(grid.scale))
    zero = graph.constant(f"{name}.zero", np.array(grid.zero, np.uint8))
    numbers = graph.add("QuantizeLinear", [value, scale, zero], f"{name}.rounded")
    done[name, grid] = graph.add("DequantizeLinear", [numbers, scale, zero], f"{name}.scaled")
    return done[name, grid]


def _scaled(graph: Graph, name: str, weight: Weight) -> str:
    import ml_dtypes

    kind: Any = ml_dtypes.int4 if weight.bits == 4 else np.int8
    numbers = graph.constant(f"{name}.integers", weight.numbers.astype(kind))
    scale = graph.constant(f"{name}.scale", weight.scale)
    zero = graph.constant(f"{name}.zero", np.zeros(len(weight.scale), np.int8).astype(kind))
    return graph.add("DequantizeLinear", [numbers, scale, zero], f"{name}.scaled", axis=weight.axis)
