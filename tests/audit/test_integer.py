"""The audit of serialised models: what it reads out of honest ones, and the decoys it sees through."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from graph_writer import GraphWriter
from onnx import numpy_helper
from torch import Tensor, nn

from ganqbench.audit import AuditReport
from ganqbench.audit.integer import audit_model
from ganqbench.audit.program import UnreadableModel
from ganqbench.deploy.session import IntegerSession

IMAGE = (8, 8)
SCALE = np.float32(2 / 255)


class Small(nn.Module):
    """Two convolutions, the first with most of the work."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 16, 3, padding=1)
        self.two = nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        images: Tensor = torch.tanh(self.two(torch.relu(self.one(x))))
        return images


@pytest.fixture(scope="module")
def reference() -> Small:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        return Small().eval()


def batch(seed: int) -> tuple[Tensor]:
    source = torch.Generator().manual_seed(seed)
    return (torch.rand(4, 3, *IMAGE, generator=source) * 2 - 1,)


class Writer(GraphWriter):
    """Graphs of the two layers, honest or not."""

    def __init__(self, reference: Small) -> None:
        super().__init__()
        self.reference = reference

    def integers(self, layer: nn.Conv2d, name: str) -> tuple[str, str, str]:
        """A layer's weight as int8 constant, its scales, and the value scaled back."""
        weight = layer.weight.detach().numpy()
        scale = (np.abs(weight).max(axis=(1, 2, 3)) / 127).astype(np.float32)
        numbers = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
        q, s = self.constant(f"{name}.q", numbers), self.constant(f"{name}.s", scale)
        z = self.constant(f"{name}.z", np.zeros_like(scale, dtype=np.int8))
        return q, s, self.node("DequantizeLinear", [q, s, z], f"{name}.dq", axis=0)

    def weight(self, layer: nn.Conv2d, name: str) -> str:
        return self.constant(name, layer.weight.detach().numpy())

    def conv(self, layer: nn.Conv2d, x: str, weight: str, output: str) -> str:
        bias = layer.bias
        assert bias is not None
        b = self.constant(f"{output}.b", bias.detach().numpy())
        pad = layer.kernel_size[0] // 2
        return self.node("Conv", [x, weight, b], output, pads=[pad] * 4)

    def honest(self) -> str:
        """The usual graph; returns the last value before tanh."""
        one, two = self.reference.one, self.reference.two
        x = self.conv(one, self.rounded("x", SCALE), self.integers(one, "w1")[2], "c1")
        x = self.node("Relu", [x], "r1")
        return self.conv(two, self.rounded(x, 3 / 255, 0), self.integers(two, "w2")[2], "c2")

    def floating(self) -> str:
        """The same in full precision."""
        one, two = self.reference.one, self.reference.two
        x = self.conv(one, "x", self.weight(one, "v1"), "f1")
        return self.conv(two, self.node("Relu", [x], "fr"), self.weight(two, "v2"), "f2")

    def finish(self, last: str) -> IntegerSession:
        images = self.node("Tanh", [last], "images")
        return IntegerSession(self.model(images, ["items", 3, *IMAGE]))


def report_on(session: IntegerSession, reference: Small) -> AuditReport:
    return audit_model(session, batch(1), reference, second=batch(2))


def test_an_honest_graph_is_covered_whole(reference: Small) -> None:
    writer = Writer(reference)
    report = report_on(writer.finish(writer.honest()), reference)
    assert report.failure(8, 8) is None
    assert report.coverage(8, 8) == 1
    assert [op.weight_granularity for op in report.sites] == ["channel", "channel"]
    # The type allows 256 levels, however few of them these batches reach.
    assert [op.activation_levels for op in report.sites] == [256, 256]
    assert report.coverage(8, 7) == 0


def test_the_images_are_those_of_the_runtime(reference: Small) -> None:
    writer = Writer(reference)
    session = writer.finish(writer.honest())
    assert torch.equal(report_on(session, reference).images, session(*batch(1)))


def test_integer_operators_are_read_like_scaled_ones(reference: Small) -> None:
    writer = Writer(reference)
    one, two = reference.one, reference.two
    xs, xz = writer.constant("xs", SCALE), writer.constant("xz", np.uint8(128))
    q = writer.node("QuantizeLinear", ["x", xs, xz], "xq")
    weight, scale, _ = writer.integers(one, "w1")
    ys, yz = writer.constant("ys", np.float32(6 / 255)), writer.constant("yz", np.uint8(128))
    assert one.bias is not None
    numbers = np.rint(one.bias.detach().numpy() / (SCALE * _of(writer, scale))).astype(np.int32)
    bias = writer.constant("bq", numbers)
    y = writer.node("QLinearConv", [q, xs, xz, weight, scale, "w1.z", ys, yz, bias], "yq", pads=[1] * 4)
    r = writer.node("Relu", [writer.node("DequantizeLinear", [y, ys, yz], "y")], "r")
    last = writer.conv(two, writer.rounded(r, 3 / 255, 0), writer.integers(two, "w2")[2], "c2")
    report = report_on(writer.finish(last), reference)
    assert report.violations == ()
    assert report.coverage(8, 8) == 1


def _of(writer: Writer, name: str) -> Any:
    (found,) = (one for one in writer.constants if one.name == name)
    return numpy_helper.to_array(found)


def _nothing_around_nothing(writer: Writer) -> str:
    """Rounds values that go nowhere, and holds integers that nobody takes."""
    writer.rounded("x", SCALE)
    writer.integers(writer.reference.one, "w1")
    return writer.floating()


def _rounds_the_images(writer: Writer) -> str:
    """QuantizeLinear around the whole network, floating point inside."""
    last = writer.floating()
    return writer.rounded(last, 8 / 255)


def _rounds_weights_only(writer: Writer) -> str:
    one, two = writer.reference.one, writer.reference.two
    x = writer.conv(one, "x", writer.integers(one, "w1")[2], "c1")
    x = writer.node("Relu", [x], "r1")
    return writer.conv(two, writer.rounded(x, 3 / 255, 0), writer.integers(two, "w2")[2], "c2")


def _floats_on_a_grid(writer: Writer) -> str:
    """Weights that lie on a grid but are stored as floats."""
    one, two = writer.reference.one, writer.reference.two
    rounded = torch.round(one.weight.detach() * 64) / 64
    weight = writer.constant("w1", rounded.numpy())
    x = writer.conv(one, writer.rounded("x", SCALE), weight, "c1")
    x = writer.node("Relu", [x], "r1")
    return writer.conv(two, writer.rounded(x, 3 / 255, 0), writer.integers(two, "w2")[2], "c2")


def _second_path(writer: Writer) -> str:
    """An honest path beside a full-precision one that does what matters."""
    honest = writer.honest()
    nearly_nothing = writer.node("Mul", [honest, writer.constant("tiny", np.float32(1e-6))], "faint")
    return writer.node("Add", [nearly_nothing, writer.floating()], "both")


def _cancelled_path(writer: Writer) -> str:
    """An honest path that is computed, and multiplied away."""
    gone = writer.node("Mul", [writer.honest(), writer.constant("none", np.float32(0))], "gone")
    return writer.node("Add", [gone, writer.floating()], "both")


def _scaled_per_input_channel(writer: Writer) -> str:
    """A scale per input channel: no sum over channels can be taken in integers."""
    one, two = writer.reference.one, writer.reference.two
    weight = one.weight.detach().numpy()
    scale = (np.abs(weight).max(axis=(0, 2, 3)) / 127).astype(np.float32) * np.float32([1, 1.37, 0.71])
    numbers = np.clip(np.rint(weight / scale[None, :, None, None]), -127, 127).astype(np.int8)
    q, s = writer.constant("w1.q", numbers), writer.constant("w1.s", scale)
    w = writer.node("DequantizeLinear", [q, s], "w1.dq", axis=1)
    x = writer.node("Relu", [writer.conv(one, writer.rounded("x", SCALE), w, "c1")], "r1")
    return writer.conv(two, writer.rounded(x, 3 / 255, 0), writer.integers(two, "w2")[2], "c2")


@pytest.mark.parametrize(
    "build",
    [
        _nothing_around_nothing,
        _rounds_the_images,
        _rounds_weights_only,
        _floats_on_a_grid,
        _second_path,
        _cancelled_path,
        _scaled_per_input_channel,
    ],
)
def test_decoys_do_not_pass(build: Any, reference: Small) -> None:
    writer = Writer(reference)
    report = report_on(writer.finish(build(writer)), reference)
    assert report.failure(8, 8) is not None
    assert report.coverage(8, 8) < 0.95


def test_a_runtime_that_computes_something_else_is_found_out(
    reference: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(reference)
    session = writer.finish(writer.honest())
    images = session(*batch(1))
    monkeypatch.setattr(session, "_run", lambda _: np.clip(images.numpy() * 1.5, -0.3, 0.3))
    report = report_on(session, reference)
    assert report.coverage(8, 8) == 0
    assert "saturate" in report.violations[0]


def test_a_session_inside_another_module_covers_nothing(reference: Small) -> None:
    class Wrapped(nn.Module):
        def __init__(self, session: nn.Module) -> None:
            super().__init__()
            self.session = session

        def forward(self, x: Tensor) -> Tensor:
            images: Tensor = self.session(x)
            return images

    writer = Writer(reference)
    report = audit_model(Wrapped(writer.finish(writer.honest())), batch(1), reference, second=batch(2))
    assert report.coverage(8, 8) == 0
    assert report.violations


def test_what_can_not_be_read_says_so(reference: Small) -> None:
    with pytest.raises(UnreadableModel, match="no valid ONNX model"):
        audit_model(IntegerSession(b"not a model"), batch(1), reference)
    writer = Writer(reference)
    writer.node("Sin", [writer.honest()], "s")
    with pytest.raises(UnreadableModel, match="Sin"):
        audit_model(writer.finish("s"), batch(1), reference)
    empty = onnx.ModelProto().SerializeToString()
    with pytest.raises(UnreadableModel):
        audit_model(IntegerSession(empty or b"\0"), batch(1), reference)
