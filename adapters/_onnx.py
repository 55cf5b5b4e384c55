"""What the backends that write ONNX graphs have in common: what goes in, and what comes out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganqbench.deploy.float_graph import float_graph, parameter_products, take_integers
from ganqbench.deploy.graph import PRODUCTS, Graph

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

    from ganqbench.zoo.generator import Inputs


@dataclass(frozen=True)
class FloatModel:
    """A generator's full-precision graph.

    `products` are the names of the nodes to quantize, `others` of all other nodes; `filters` those of
    them that multiply and accumulate all the same; `weights` the constants that the products take,
    by node.
    """

    proto: ModelProto
    inputs: tuple[str, ...]
    products: tuple[str, ...]
    others: tuple[str, ...]
    filters: tuple[str, ...]
    weights: dict[str, str]

    @classmethod
    def of(cls, generator: nn.Module, example: Inputs) -> FloatModel:
        """The graph of a generator in eval mode."""
        proto = float_graph(generator, example)
        graph = Graph(proto)
        products = parameter_products(graph, generator)
        names = tuple(node.name for node in products)
        return cls(
            proto,
            tuple(value.name for value in proto.graph.input),
            names,
            tuple(node.name for node in graph.nodes if node.name not in names),
            tuple(node.name for node in graph.nodes if node.op_type in PRODUCTS and node.name not in names),
            {node.name: node.input[1] for node in products if node.input[1] in graph.constants},
        )

    def feeds(self, calibration: Iterable[Inputs]) -> Iterator[dict[str, Any]]:
        """Calibration batches by the graph's input names, as arrays."""
        for batch in calibration:
            yield {name: value.numpy() for name, value in zip(self.inputs, batch, strict=True)}

    def finish(self, quantized: ModelProto) -> bytes:
        """The backend's model with the demodulation's sums computed from integers, serialised."""
        graph = Graph(quantized)
        named = {node.name: node for node in graph.nodes}
        for product, weight in self.weights.items():
            take_integers(graph, weight, named[product].input[1])
        return bytes(graph.finish().SerializeToString(deterministic=True))
