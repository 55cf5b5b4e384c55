"""Deployments of small generators: images first, then times, and a reason for whatever is missing."""

from __future__ import annotations

import copy
import json
import sys
import time
from dataclasses import replace
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from small_generators import small
from torch import Tensor

from ganqbench.adapter import load_adapter
from ganqbench.cell import Cell
from ganqbench.deploy import engines
from ganqbench.deploy.engines import Model, open_engine
from ganqbench.deploy.export import deployable
from ganqbench.deploy.parity import Parity
from ganqbench.deploy.reasons import Unavailable
from ganqbench.deploy.runtimes import open_model
from ganqbench.deploy.saturation import halved, largest_sums, saturates, weight_bits
from ganqbench.deploy.session import IntegerSession
from ganqbench.harness import deployment
from ganqbench.harness.deployment import Settings, deploy
from ganqbench.harness.prepared import Prepared
from ganqbench.records.deploy_schema import Deploy
from ganqbench.zoo.generator import Batches, Inputs, InputSource

KEY = "sha256:" + "1" * 64
QUICK = ("onnxruntime", "openvino", "onnxruntime-cuda")


class Pictures(InputSource):
    def batch(self, indices: Any) -> Inputs:
        return (torch.stack([self.one(index) for index in indices]),)

    def one(self, index: int) -> Tensor:
        return torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(index)) * 2 - 1

    def cluster(self, index: int) -> str:
        return str(index)


class Kept(Prepared):
    """Exports are slow, and the same each time."""

    @cached_property
    def _graphs(self) -> dict[str, Any]:
        return {}

    def graph(self) -> onnx.ModelProto:
        if "integer" not in self._graphs:
            self._graphs["integer"] = super().graph()
        return copy.deepcopy(self._graphs["integer"])

    def plain(self) -> bytes:
        if "plain" not in FLOAT:
            FLOAT["plain"] = super().plain()
        return FLOAT["plain"]


FLOAT: dict[str, bytes] = {}


@cache
def prepared(method: str = "ptq-mse", bits: str = "W8A8") -> Prepared:
    generator = small("cyclegan")
    items = Batches(Pictures(), 8, 4)
    adapter = "fp32" if method == "baseline" else "ganq"
    cell = Cell.model_validate(
        {"suite": "test", "suite_version": 0, "gan": "cyclegan", "adapter": adapter, "seed": 0}
        | {"method": method, "bits": bits}
    )
    module = load_adapter(adapter).quantize(copy.deepcopy(generator), items, cell).eval()
    return Kept(cell, generator, module, items, items.source.batch([0, 1]))


@pytest.fixture(autouse=True)
def _no_new_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "footprint", lambda engine, model, *_: len(model.graph))


def settings(*names: str) -> Settings:
    return Settings(names or QUICK, seconds=0, batch=2)


def lines(part: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    Deploy.model_validate_json(json.dumps(part))
    return {(line["runtime"], line["kind"]): line for line in part["runtimes"]}


def is_transposed(model: Model) -> bool:
    """Whether an integer graph has its transposed convolutions as they were exported."""
    if model.generator is not None:
        return False
    return any(node.op_type == "ConvTranspose" for node in onnx.load_from_string(model.graph).graph.node)


def without(monkeypatch: pytest.MonkeyPatch, *, transposed: bool) -> None:
    """No runtime takes the integer graphs that are so."""

    def picky(engine: str, model: Model, *rest: Any) -> engines.Opened:
        if model.generator is None and is_transposed(model) == transposed:
            raise Unavailable("not this one")
        return open_engine(engine, model, *rest)

    monkeypatch.setattr(deployment, "open_engine", picky)


def test_a_deployment_times_what_agrees_and_says_why_not_else(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, transposed=True)  # which is faster, chance decides in a few rounds
    part = deploy(prepared(), settings(), KEY)
    found = lines(part)
    integer = found["openvino", "int8"]
    assert integer["parity"]["psnr"] >= 40
    assert part["parity_psnr"] <= integer["parity"]["psnr"]
    assert integer["integer_share"] > 0.85
    assert integer["weight_bits"] in (7, 8)
    assert integer["latency_ms"]["median"] > 0
    assert integer["throughput"]["batch"] == 2
    # Rounded at the inputs alone, a convolution of ONNX Runtime runs in floating point.
    assert found["onnxruntime", "int8"]["integer_share"] < 0.5
    assert found["onnxruntime", "int8"]["note"].startswith("no integer kernel ran ")
    assert integer["parity"]["n"] > found["openvino", "fp32"]["parity"]["n"]
    plain = [found[name, "fp32"] for name in ("onnxruntime", "openvino")]
    best = min(plain, key=lambda line: line["latency_ms"]["median"])
    assert best["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert all(line["integer_share"] == 0 for line in plain)
    assert "CUDAExecutionProvider" in found["onnxruntime-cuda", "int8"]["reason"]
    assert "latency_ms" not in found["onnxruntime-cuda", "int8"]
    assert 0 < part["file_bytes"] < part["float_bytes"]
    assert integer["memory"] == part["file_bytes"] < found["openvino", "fp32"]["memory"]
    assert "memory" not in found["onnxruntime-cuda", "int8"]
    assert part["key"] == KEY


@pytest.mark.parametrize("slow", [True, False], ids=["as-exported-slower", "rewritten-slower"])
def test_of_two_integer_graphs_the_faster_counts(slow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []

    def delayed(engine: str, model: Model, *rest: Any) -> engines.Opened:
        found = open_engine(engine, model, *rest)
        if model.generator is None:
            opened.append(is_transposed(model))
        if model.generator is not None or is_transposed(model) != slow:
            return found
        return replace(found, run=lambda values: time.sleep(0.05) or found.run(values))

    monkeypatch.setattr(deployment, "open_engine", delayed)
    line = lines(deploy(prepared(), settings("onnxruntime"), KEY))["onnxruntime", "int8"]
    assert opened == [False, True]
    assert line["latency_ms"]["median"] < 50
    assert line["note"].endswith("faster as they are exported") != slow
    assert ("ConvTranspose" in line["note"]) != slow  # so the share is that of the graph that is timed


@pytest.mark.parametrize("transposed", [True, False])
def test_of_two_integer_graphs_the_one_that_runs_counts(
    transposed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, transposed=transposed)
    line = lines(deploy(prepared(), settings("openvino"), KEY))["openvino", "int8"]
    assert line["latency_ms"]["median"] > 0
    assert ("faster as they are exported" in (line["note"] or "")) != transposed


def test_a_cell_without_a_graph_still_has_its_full_precision() -> None:
    part = deploy(prepared("ptq-dynamic"), settings("onnxruntime"), KEY)
    assert "range moves" in part["reason"]
    assert set(lines(part)) == {("onnxruntime", "fp32")}
    assert part["file_bytes"] is None


def test_an_exporter_that_fails_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Prepared) -> onnx.ModelProto:
        raise NotImplementedError("aten::strange has no graph\nand a long trace")

    monkeypatch.setattr(Kept, "graph", broken)
    part = deploy(prepared(), settings("onnxruntime"), KEY)
    assert part["reason"] == "the export failed: aten::strange has no graph"
    assert lines(part)["onnxruntime", "fp32"]["latency_ms"]["median"] > 0


def test_an_opset_too_old_is_a_reason_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = prepared().graph()
    for opset in graph.opset_import:
        opset.version = 9  # before there were QuantizeLinear and DequantizeLinear
    monkeypatch.setattr(Kept, "graph", lambda _: copy.deepcopy(graph))
    part = deploy(prepared(), settings("onnxruntime"), KEY)
    found = lines(part)
    assert "onnxruntime can't run the model" in found["onnxruntime", "int8"]["reason"]
    assert found["onnxruntime", "fp32"]["latency_ms"]["median"] > 0


def test_full_precision_is_deployed_without_integers() -> None:
    part = deploy(prepared("baseline", "FP32"), settings("onnxruntime"), KEY)
    assert part["reason"] is None
    assert part["parity_psnr"] is None
    assert set(lines(part)) == {("onnxruntime", "fp32")}


def test_a_graph_of_other_images_has_no_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(engine: str, model: Model, *rest: Any) -> engines.Opened:
        found = open_engine(engine, model, *rest)
        if model.generator is not None:
            return found
        return engines.Opened(lambda values: -found.run(values), found.executed)

    monkeypatch.setattr(deployment, "open_engine", other)
    found = lines(deploy(prepared(), settings("onnxruntime"), KEY))
    assert "dB only" in found["onnxruntime", "int8"]["reason"]
    assert "latency_ms" not in found["onnxruntime", "int8"]
    assert found["onnxruntime", "fp32"]["reason"] is None


def test_a_runtime_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(engine: str, model: Model, *rest: Any) -> engines.Opened:
        if engine == "openvino":
            raise RuntimeError("no such operator\nand a long trace")
        return open_engine(engine, model, *rest)

    monkeypatch.setattr(deployment, "open_engine", broken)
    found = lines(deploy(prepared(), settings("onnxruntime", "openvino"), KEY))
    assert found["openvino", "int8"]["reason"] == "openvino failed: no such operator"
    assert found["onnxruntime", "int8"]["latency_ms"]["median"] > 0


@pytest.mark.parametrize(
    ("engine", "module", "reason"),
    [
        ("ncnn", "pnnx", r"pip install 'ganqbench\[ncnn\]'"),
        ("openvino", "openvino", r"pip install 'ganqbench\[openvino\]'"),
        ("onnxruntime-tensorrt", "", "no TensorrtExecutionProvider"),
        ("onnxruntime-tensorrt", "onnxruntime", "pip install onnxruntime-gpu"),
    ],
)
def test_what_is_not_installed_is_a_reason(
    engine: str, module: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if module:
        monkeypatch.setitem(sys.modules, module, None)
    one = prepared("baseline", "FP32")
    values = [value.numpy() for value in one.items.source.batch([0])]
    with pytest.raises(Unavailable, match=reason):
        open_engine(engine, Model(one.plain(), one.reference), values, 1)


def test_tensorrt_does_not_tell_what_ran_in_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = "TensorrtExecutionProvider"
    session = SimpleNamespace(get_providers=lambda: [provider], get_inputs=list)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [provider])
    monkeypatch.setattr(engines, "onnxruntime_session", lambda *_: session)
    opened = open_engine("onnxruntime-tensorrt", Model(b"graph", None), [], 1)
    assert (opened.executed().share, opened.executed().note) == (None, None)


def test_ncnn_gives_the_generators_images() -> None:
    one = prepared("baseline", "FP32")
    inputs = one.items.source.batch([0, 1])
    run = open_engine("ncnn", Model(b"", one.reference), [value.numpy() for value in inputs], 1).run
    with torch.no_grad():
        torch.testing.assert_close(
            torch.from_numpy(run([inputs[0].numpy()])), one.reference(*inputs), rtol=0, atol=1e-3
        )


def test_ncnn_takes_no_integers_and_says_so() -> None:
    with pytest.raises(Unavailable, match="no zero points"):
        open_engine("ncnn", Model(b"graph", None), [np.zeros((1, 3, 16, 16), np.float32)], 1)


@pytest.mark.parametrize(("sums", "found"), [(200, False), (201, False), (101, True), (202, True)])
def test_sums_that_are_not_what_they_should_be_saturate(
    sums: int, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: Any) -> Any:
        return lambda values: np.full((1, 64, 6, 6), sums, np.float32)

    monkeypatch.setattr("ganqbench.deploy.runtimes.open_model", opened)
    assert saturates("onnxruntime") == found


def test_thelargest_sums_are_exactly_what_a_runtime_must_give() -> None:
    model = ReferenceEvaluator(onnx.load_model_from_string(largest_sums()))
    (sums,) = model.run(None, {"x": np.full((1, 64, 8, 8), 255, np.float32)})
    np.testing.assert_array_equal(sums, np.full((1, 64, 6, 6), 200, np.float32))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_sums_of_narrowed_weights_are_right_on_any_processor(runtime: Any) -> None:
    narrow = halved(onnx.load_model_from_string(largest_sums())).SerializeToString()
    values = [np.full((1, 64, 8, 8), 255, np.float32)]
    (wanted,) = ReferenceEvaluator(onnx.load_model_from_string(narrow)).run(None, {"x": values[0]})
    np.testing.assert_allclose(open_model(narrow, runtime)(values), wanted, atol=1)
    assert wanted.min() > 195
    assert isinstance(saturates(runtime), bool)  # of the wide ones the processor decides


def test_halved_weights_fit_and_give_nearly_the_same_images() -> None:
    one = prepared()
    model = one.graph()
    assert weight_bits(model) == 8
    narrow = halved(model)
    onnx.checker.check_model(narrow, full_check=True)
    assert weight_bits(narrow) == 7
    images = [IntegerSession(deployable(each))(*one.few) for each in (model, narrow)]
    assert not torch.equal(*images)
    assert (images[0] - images[1]).abs().mean() < 0.02
    assert weight_bits(prepared(bits="W4A8").graph()) == 4


def test_where_sums_saturate_weights_are_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "saturates", lambda engine: engine == "openvino")
    part = deploy(prepared(), settings("openvino", "onnxruntime"), KEY)
    assert part["saturating"] == ["openvino"]
    found = lines(part)
    assert found["openvino", "int8"]["weight_bits"] == 7
    assert found["onnxruntime", "int8"]["weight_bits"] == 8


def test_agreement_is_of_the_worst_image_too() -> None:
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    other = images.clone()
    other[1, 0, 0, 0] = 48
    found = Parity.of(images, other)
    assert (found.worst_pixel, found.n) == (48, 2)
    assert found.worst == pytest.approx(10 * np.log10(255**2 / 48))
    assert found.psnr == pytest.approx((100 + found.worst) / 2)
