"""Rewrite transposed convolutions of stride 2 so that runtimes run them in integers.

Each of the four pixels of a 2 x 2 block of the result is an ordinary convolution of the input
with every second weight (Shi et al. 2016, arXiv 1609.07009). One convolution with four times the
channels computes all of them, and DepthToSpace puts them in place: the same sums of the same
products, so exact in integers. Runtimes have integer kernels for that one, not for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganqbench.deploy.graph import Graph, as_integers, attributes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


@dataclass(frozen=True)
class Axis:
    """One dimension: which taps of a kernel of `taps` each of the two phases takes from which inputs.

    `index[phase][place]` is the tap that meets input `m + first + place` for result `2 m + phase`;
    `taps` itself stands for none. The input is to be padded by `before` and `after`, and the last
    of an odd number of results to be dropped.
    """

    index: tuple[tuple[int, ...], tuple[int, ...]]
    before: int
    after: int
    odd: bool

    @classmethod
    def of(cls, taps: int, begin: int, end: int, extra: int) -> Axis:
        """For paddings `begin` and `end` and output padding `extra` of the transposed convolution."""
        reach = [
            (phase + begin - tap) // 2
            for phase in (0, 1)
            for tap in range(taps)
            if not (phase + begin - tap) % 2
        ]
        first, last = min(reach), max(reach)
        index = tuple(
            tuple(
                tap if 0 <= (tap := phase + begin - 2 * shift) < taps else taps
                for shift in range(first, last + 1)
            )
            for phase in (0, 1)
        )
        beyond = taps - 2 - begin - end + extra  # results beyond twice the inputs
        return cls(index, -first, last + -(-beyond // 2), bool(beyond % 2))  # type: ignore[arg-type]


def rewrite_transposed(model: ModelProto) -> ModelProto:
    """The model with every transposed convolution of stride 2 rewritten, weights as they are stored.

    The rearrangement of a weight is part of the graph, so that the file grows by no more than the
    nodes; runtimes do it once, when they open the model. Left as they are: groups, dilations, strides
    other than 2, and layers where it would need the input cropped.
    """
    graph = Graph(model)
    for node in [one for one in graph.nodes if one.op_type == "ConvTranspose"]:
        axes = _axes(graph, node)
        if axes is not None:
            _rewrite(graph, node, *axes)
    return graph.finish()


def _axes(graph: Graph, node: NodeProto) -> tuple[Axis, Axis] | None:
    a = attributes(node)
    weight = _stored(graph, node.input[1])
    if weight is None or a.get("group", 1) != 1 or list(a.get("strides", ())) != [2, 2]:
        return None
    if (
        list(a.get("dilations", (1, 1))) != [1, 1]
        or "output_shape" in a
        or a.get("auto_pad", b"NOTSET") != b"NOTSET"
    ):
        return None
    begin_h, begin_w, end_h, end_w = a.get("pads", (0, 0, 0, 0))
    extra_h, extra_w = a.get("output_padding", (0, 0))
    high, wide = graph.constants[weight].shape[2:]
    found = Axis.of(high, begin_h, end_h, extra_h), Axis.of(wide, begin_w, end_w, extra_w)
    return found if all(axis.before >= 0 and axis.after >= 0 for axis in found) else None


def _stored(graph: Graph, name: str) -> str | None:
    """The constant behind a weight, scaled back or not; None where there is none."""
    node = graph.producer(name)
    if node is not None and node.op_type == "DequantizeLinear":
        name = node.input[0]
    return name if name in graph.constants else None


def _rewrite(graph: Graph, node: NodeProto, high: Axis, wide: Axis) -> None:
    x, output = node.input[0], node.output[0]
    weight = _weight(graph, node.input[1], high, wide)
    inputs = [x, weight]
    if len(node.input) > 2 and node.input[2]:
        inputs.append(_fourfold(graph, node.input[2]))
    graph.nodes.remove(node)
    pads = [high.before, wide.before, high.after, wide.after]
    blocks = graph.add("Conv", inputs, f"{output}.blocks", pads=pads)
    takers = graph.consumers(output)
    if len(takers) == 1 and takers[0].op_type == "QuantizeLinear" and _is_one(graph, takers[0].input[1]):
        # Rounding before the pixels are moved is the same, and lets the convolution end in integers.
        scale = list(takers[0].input)[1:]
        numbers = graph.add("QuantizeLinear", [blocks, *scale], f"{output}.rounded")
        blocks = graph.add("DequantizeLinear", [numbers, *scale], f"{output}.scaled")
    odd = high.odd or wide.odd
    pixels = graph.add(
        "DepthToSpace", [blocks], f"{output}.pixels", output="" if odd else output, blocksize=2, mode="CRD"
    )
    if odd:
        starts = graph.constant(f"{output}.starts", np.zeros(2, np.int64))
        ends = graph.constant(
            f"{output}.ends", np.array([-1 if axis.odd else 2**62 for axis in (high, wide)])
        )
        places = graph.constant(f"{output}.places", np.array([2, 3]))
        graph.add("Slice", [pixels, starts, ends, places], output, output=output)


def _weight(graph: Graph, name: str, high: Axis, wide: Axis) -> str:
    """[in, out, k, k] to [4 out, in, k', k'], each output channel's four phases side by side."""
    scaled = graph.producer(name)
    if scaled is None:
        return _arrange(graph, name, high, wide)
    numbers, scale, *zero = scaled.input
    arranged = _arrange(graph, numbers, high, wide)
    rest = [_fourfold(graph, each) for each in (scale, *zero)]
    return graph.add("DequantizeLinear", [arranged, *rest], f"{name}.blocks", axis=0)


def _arrange(graph: Graph, name: str, high: Axis, wide: Axis) -> str:
    inputs, outputs, *_ = graph.constants[name].shape
    value = name
    if graph.constants[name].dtype.name == "int4":  # nothing moves 4-bit numbers
        value = graph.add("Cast", [value], f"{name}.wide", to=3)
    pads = graph.constant(f"{name}.pads", np.array([0, 0, 0, 0, 0, 0, 1, 1]))
    value = graph.add("Pad", [value, pads], f"{name}.padded")
    # [in, out, phase, place, k + 1], then [in, out, phase, place, phase, place]
    value = graph.add("Gather", [value, _index(graph, name, high)], f"{name}.rows", axis=2)
    value = graph.add("Gather", [value, _index(graph, name, wide)], f"{name}.columns", axis=4)
    value = graph.add("Transpose", [value], f"{name}.turned", perm=[1, 2, 4, 0, 3, 5])
    sizes = [4 * outputs, inputs, len(high.index[0]), len(wide.index[0])]
    shape = graph.constant(f"{name}.shape", np.array(sizes))
    return graph.add("Reshape", [value, shape], f"{name}.arranged")


def _is_one(graph: Graph, scale: str) -> bool:
    return scale in graph.constants and graph.constants[scale].size == 1


def _index(graph: Graph, name: str, axis: Axis) -> str:
    return graph.constant(f"{name}.index", np.array(axis.index))


def _fourfold(graph: Graph, name: str) -> str:
    """A constant per channel (or scaled back from one) with each of its values four times."""
    scaled = graph.producer(name)
    if scaled is not None:
        rest = [_fourfold(graph, each) for each in scaled.input]
        return graph.add("DequantizeLinear", rest, f"{name}.fourfold", **attributes(scaled))
    value = as_integers(graph.constants[name])  # of 4-bit weights, which are widened
    return graph.constant(f"{name}.fourfold", np.repeat(value, 4) if value.size > 1 else value)
