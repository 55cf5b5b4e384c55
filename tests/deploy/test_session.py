"""Sessions of serialised models, and the full-precision graphs that everything starts from."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from small_generators import ARCHITECTURES, small, small_inputs
from torch import Tensor, nn

from ganqbench.audit.program import Program
from ganqbench.deploy.float_graph import float_graph, parameter_products
from ganqbench.deploy.graph import Graph
from ganqbench.deploy.runtimes import no_telemetry
from ganqbench.deploy.session import IntegerSession, own_session
from ganqbench.errors import UserError
from ganqbench.zoo.generator import Generator, Inputs


@pytest.fixture(scope="module")
def graphs() -> dict[str, bytes]:
    return {}


def graph_of(arch: str, graphs: dict[str, bytes]) -> tuple[Generator, Inputs, bytes]:
    generator = small(arch, seed=1)
    inputs = small_inputs(generator, 3)
    if arch not in graphs:
        graphs[arch] = float_graph(generator, inputs).SerializeToString()
    return generator, inputs, graphs[arch]


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_graph_gives_the_generators_images_for_any_number_of_items(
    arch: str, runtime: str, graphs: dict[str, bytes]
) -> None:
    generator, inputs, model = graph_of(arch, graphs)
    session = IntegerSession(model, runtime)  # type: ignore[arg-type]
    for n in (3, 1):
        part = tuple(value[:n] for value in inputs)
        with torch.no_grad():
            torch.testing.assert_close(session(*part), generator(*part), rtol=0, atol=2e-5)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_audits_reading_of_a_graph_gives_the_same_images(arch: str, graphs: dict[str, bytes]) -> None:
    generator, inputs, model = graph_of(arch, graphs)
    with torch.no_grad():
        torch.testing.assert_close(Program(model)(*inputs), generator(*inputs), rtol=0, atol=2e-5)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_graph_holds_nothing_of_the_machine_that_wrote_it(arch: str, graphs: dict[str, bytes]) -> None:
    _, _, model = graph_of(arch, graphs)
    onnx.checker.check_model(onnx.load_model_from_string(model), full_check=True)
    for trace in (b".py", b"site-packages", str(Path.cwd()).encode()):
        assert trace not in model


def test_demodulation_is_computed_from_the_weights_and_no_product_to_quantize(
    graphs: dict[str, bytes],
) -> None:
    generator, _, model = graph_of("stylegan2", graphs)
    graph = Graph(onnx.load_model_from_string(model))
    products = parameter_products(graph, generator)
    layers = [
        one for one in generator.modules() if isinstance(one, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    ]
    assert len(products) == len(layers)
    squares = [node for node in graph.nodes if node.op_type == "Mul" and node.input[0] == node.input[1]]
    weights = {name for name, one in generator.named_parameters() if one.ndim == 4}
    demodulated = {name for name in weights if "torgb" not in name}
    assert {node.input[0] for node in squares} >= demodulated


def test_a_session_is_its_bytes(graphs: dict[str, bytes]) -> None:
    generator, inputs, model = graph_of("cyclegan", graphs)
    session = IntegerSession(model)
    assert session.serialised == model
    images = session(*inputs)
    assert torch.equal(copy.deepcopy(session)(*inputs), images)
    other = IntegerSession(graph_of("sagan", graphs)[2])
    other.load_state_dict(session.state_dict())
    assert torch.equal(other(*inputs), images)
    assert torch.equal(own_session(session)(*inputs), images)
    assert own_session(generator) is generator


def test_what_was_done_to_a_session_does_not_reach_the_harness(graphs: dict[str, bytes]) -> None:
    class Dressed(IntegerSession):
        def forward(self, *inputs: Tensor) -> Tensor:
            return inputs[0]

    _, inputs, model = graph_of("cyclegan", graphs)
    dressed = Dressed(model)
    assert torch.equal(dressed(*inputs), inputs[0])
    assert torch.equal(own_session(dressed)(*inputs), IntegerSession(model)(*inputs))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_runtime_refuses_what_is_no_model_with_a_sentence(runtime: str) -> None:
    with pytest.raises(UserError, match="can't open the model"):
        IntegerSession(b"nothing", runtime)(torch.zeros(1))  # type: ignore[arg-type]


def test_a_missing_runtime_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install .ganqbench\[onnxruntime\]"):
        IntegerSession(b"nothing")(torch.zeros(1))


def test_openvino_is_imported_without_its_telemetry() -> None:
    with no_telemetry():
        assert sys.modules["openvino_telemetry"] is None
    assert sys.modules.get("openvino_telemetry", "absent") is not None


def test_a_graph_drops_what_nothing_needs_and_keeps_order() -> None:
    generator = small("cyclegan", seed=1)
    graph = Graph(float_graph(generator, small_inputs(generator, 3)))
    graph.constant("unused", np.zeros(9, np.float32))
    graph.add("Relu", [graph.nodes[0].output[0]], "loose")
    graph.nodes.reverse()
    model = graph.finish()
    onnx.checker.check_model(model, full_check=True)
    names = {one.name for one in model.graph.initializer} | {node.name for node in model.graph.node}
    assert not {"unused", "loose"} & names
