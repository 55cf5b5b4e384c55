"""Fake-quantized generators written as integer graphs."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from small_generators import ARCHITECTURES, small, small_inputs
from torch import Tensor, nn

from ganqbench.adapter import load_adapter
from ganqbench.audit.integer import audit_model
from ganqbench.cell import Cell
from ganqbench.deploy import affine
from ganqbench.deploy.export import deployable, quantized_graph
from ganqbench.deploy.float_graph import float_graph
from ganqbench.deploy.parity import parity
from ganqbench.deploy.session import IntegerSession
from ganqbench.errors import UserError
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, Inputs


def quantized(arch: str, bits: str, method: str = "ptq-mse") -> tuple[nn.Module, Generator, Inputs]:
    generator = small(arch, seed=1)
    inputs = small_inputs(generator, 4)
    fields = {"suite": "test", "suite_version": 0, "gan": arch, "adapter": "ganq", "seed": 0}
    cell = Cell.model_validate({**fields, "method": method, "bits": bits})
    return load_adapter("ganq").quantize(copy.deepcopy(generator), [inputs], cell), generator, inputs


@pytest.mark.parametrize("bits", ["W8A8", "W4A8"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_graph_gives_the_generators_images_in_integers(arch: str, bits: str) -> None:
    module, generator, inputs = quantized(arch, bits)
    model = quantized_graph(module, generator, inputs)
    onnx.checker.check_model(model, full_check=True)
    session = IntegerSession(model.SerializeToString())
    assert parity(session, module, [inputs]).psnr > 40
    assert parity(IntegerSession(deployable(model)), module, [inputs]).psnr > 40
    report = audit_model(session, inputs, generator)
    width = int(bits[1])
    assert report.failure(width, 8) is None
    assert report.coverage(width, 8) == 1
    kinds = {one.data_type for one in model.graph.initializer if one.name.endswith(".integers")}
    assert kinds == {onnx.TensorProto.INT8 if width == 8 else onnx.TensorProto.INT4}
    # No layer keeps a second copy of its weight in full precision.
    floats = {one.name for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT}
    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    weights = {f"{name}.weight" for name, one in generator.named_modules() if isinstance(one, layers)}
    assert not floats & weights


def test_ranges_that_move_are_refused_with_a_reason() -> None:
    module, generator, inputs = quantized("cyclegan", "W8A8", "ptq-dynamic")
    with pytest.raises(UserError, match="range moves"):
        quantized_graph(module, generator, inputs)


def test_full_precision_is_refused_with_a_reason() -> None:
    generator = small("cyclegan", seed=1)
    inputs = small_inputs(generator, 4)
    with pytest.raises(UserError, match=r"model\.1 can't be exported"):
        quantized_graph(copy.deepcopy(generator), generator, inputs)


@pytest.mark.parametrize(("low", "high", "levels"), [(-1.0, 2.0, 256), (0.0, 3.0, 16), (-1.27, 1.27, 255)])
def test_a_quantizer_is_found_out_beyond_what_it_has_met(low: float, high: float, levels: int) -> None:
    step = (high - low) / (levels - 1)
    zero = round(-low / step)

    def quantizer(x: Tensor) -> Tensor:
        return ((x / step).round() + zero).clamp(0, levels - 1).sub(zero).mul(step)

    found = affine.activation(quantizer, largest=0.01)
    assert (found.zero, found.levels) == (zero, levels)
    assert found.scale == pytest.approx(step, rel=1e-6)


def test_weights_become_integers_that_give_them_back() -> None:
    source = np.random.default_rng(0)
    numbers = source.integers(-8, 8, (6, 40))
    scale = source.uniform(0.01, 1, 6).astype(np.float32)
    values = (numbers * scale[:, None]).astype(np.float32)
    found = affine.weight(values, axis=0)
    assert found.bits == 4
    np.testing.assert_allclose(found.numbers * found.scale[:, None], values, rtol=1e-6)
    with pytest.raises(affine.NotAffine):
        affine.weight(source.normal(size=(2, 4000)).astype(np.float32), axis=0)


def test_a_file_runs_with_onnxruntime_alone_as_the_docs_say(tmp_path: Path) -> None:
    module, generator, inputs = quantized("sagan", "W4A8")
    path, images = tmp_path / "model.onnx", tmp_path / "images.npy"
    path.write_bytes(deployable(quantized_graph(module, generator, inputs)))
    for page in ("README.md", "docs/deploy.md"):
        blocks = (Path(__file__).parents[2] / page).read_text().split("```python\n")[1:]
        (snippet,) = [one for block in blocks if "onnxruntime" in (one := block.split("```")[0])]
        assert len([line for line in snippet.splitlines() if line]) <= 10
        code = snippet.replace("model.onnx", str(path)).replace("images.npy", str(images))
        check = "import sys; sys.modules['torch'] = None; sys.modules['ganqbench'] = None\n"
        done = subprocess.run(
            [sys.executable, "-c", check + code], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        written = np.load(images)
        assert written.dtype == np.uint8
        assert written.shape[1:] == (16, 16, 3)
        assert written.std() > 0
        images.unlink()


def test_files_shrink_by_the_width_of_their_weights() -> None:
    generator = ResnetGenerator(ngf=32, n_blocks=2).eval()
    inputs = (torch.rand(2, 3, 16, 16) * 2 - 1,)
    whole = len(float_graph(generator, inputs).SerializeToString())
    for bits, most in (("W8A8", 0.28), ("W4A8", 0.16)):
        fields = {"suite": "test", "suite_version": 0, "gan": "cyclegan", "adapter": "ganq", "seed": 0}
        cell = Cell.model_validate({**fields, "method": "ptq-minmax", "bits": bits})
        module = load_adapter("ganq").quantize(copy.deepcopy(generator), [inputs], cell)
        assert len(deployable(quantized_graph(module, generator, inputs))) < most * whole
