"""What every adapter is tried on, and the cells that one test run quantizes only once."""

from __future__ import annotations

import copy
import hashlib
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from ganqbench.adapter import Adapter, Skip, adapter_names, load_adapter
from ganqbench.cell import Bits, Cell
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, Inputs
from ganqbench.zoo.sagan import SAGAN, SelfAttention
from ganqbench.zoo.stylegan2 import StyleGAN2

if TYPE_CHECKING:
    from onnx import ModelProto


def _cyclegan() -> Generator:
    return ResnetGenerator(ngf=8, n_blocks=2, affine=True)


def _sagan() -> Generator:
    generator = SAGAN((32, 16, 16), z_dim=16, classes=4, attention=(1,))
    for module in generator.modules():
        if isinstance(module, SelfAttention):
            nn.init.constant_(module.sigma, 0.5)  # attention starts switched off
    return generator


def _stylegan2() -> Generator:
    return StyleGAN2((16, 16, 8), z_dim=16, w_dim=16, mapping_layers=2)


# A new architecture is one line here.
ARCHITECTURES: dict[str, Callable[[], Generator]] = {
    "cyclegan": _cyclegan,
    "sagan": _sagan,
    "stylegan2": _stylegan2,
}


def draw(generator: Generator, n: int, seed: int) -> Inputs:
    """Inputs of a small generator; smooth images for one that translates."""
    if isinstance(generator, ResnetGenerator):
        source = torch.Generator().manual_seed(seed)
        coarse = torch.rand(n, 3, 8, 8, generator=source) * 2 - 1
        return (nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear"),)
    return generator.sample_inputs(n, seed)


@cache
def generator_of(arch: str) -> Generator:
    """The full-precision generator with random weights; not to be changed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(7)
        return ARCHITECTURES[arch]().eval()


def calibration_of(arch: str) -> list[Inputs]:
    """Two batches of six."""
    inputs = draw(generator_of(arch), 12, seed=1)
    return [tuple(value[start : start + 6] for value in inputs) for start in (0, 6)]


@cache
def adapter_of(name: str) -> Adapter:
    """The registered adapter."""
    return load_adapter(name)


@dataclass(frozen=True)
class Case:
    """One method of one adapter on one architecture."""

    adapter: str
    method: str
    arch: str

    def __str__(self) -> str:
        # In this order, so that tests/conftest.py finds the method in a test's name.
        return f"{self.arch}-{self.adapter}.{self.method}"

    def cell(self, bits: str, seed: int = 0) -> Cell:
        """The cell of these bits and this seed."""
        return Cell(
            suite="conformance",
            suite_version=0,
            gan=self.arch,
            adapter=self.adapter,
            method=self.method,
            bits=Bits.parse(bits),
            seed=seed,
        )

    def skip(self, bits: str) -> Skip | None:
        """Why the adapter opts out."""
        return adapter_of(self.adapter).skip(self.cell(bits))

    @property
    def trainable(self) -> bool:
        """Whether a recipe can fine-tune what comes back."""
        return adapter_of(self.adapter).methods[self.method].trainable

    def on(self, arch: str) -> Case:
        """The same method on another architecture."""
        return replace(self, arch=arch)


def declined(case: Case, bits: str) -> bool:
    """Whether the adapter opts out, in a sentence; the test is skipped where its toolkit is absent."""
    missing = adapter_of(case.adapter).missing
    if missing:
        pytest.skip(f"{' '.join(missing)} is not installed")
    reason = case.skip(bits)
    if reason is None:
        return False
    assert len(reason.reason.split()) >= 5
    return True


def quantize(case: Case, bits: str, seed: int = 0) -> nn.Module:
    """A fresh run of the adapter on a copy of the generator."""
    generator = copy.deepcopy(generator_of(case.arch))
    cell = case.cell(bits, seed)
    return adapter_of(case.adapter).quantize(generator, calibration_of(case.arch), cell).eval()


@cache
def quantized(case: Case, bits: str) -> nn.Module:
    """The shared result of one run; not to be changed."""
    with exporting_once():
        return quantize(case, bits)


@contextmanager
def exporting_once() -> Iterator[None]:
    """Adapters of ONNX get the graph that the same generator gave before: to write one takes seconds."""
    onnx = sys.modules.get("ganqbench.adapters._onnx")
    if onnx is None:  # no such adapter ran yet
        yield
        return
    with mock.patch.object(onnx, "float_graph", float_graph):
        yield


def float_graph(generator: nn.Module, example: Inputs) -> ModelProto:
    """A copy of the full-precision graph of a generator with this state, for inputs of these shapes."""
    from ganqbench.deploy.float_graph import float_graph as export

    digest = hashlib.sha256(repr((generator, [value.shape for value in example])).encode())
    for key, value in generator.state_dict().items():
        digest.update(key.encode() + value.numpy().tobytes())
    if digest.digest() not in GRAPHS:
        GRAPHS[digest.digest()] = export(generator, example)
    return copy.deepcopy(GRAPHS[digest.digest()])


GRAPHS: dict[bytes, ModelProto] = {}
"""By the digest of generator and shapes."""


def render(module: nn.Module, inputs: Inputs) -> Tensor:
    """Images as the evaluator gets them."""
    with torch.inference_mode():
        images: Tensor = module(*inputs)
    return images


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the module's state."""
    with warnings.catch_warnings():
        # Brevitas 0.13 still hands these on by position.
        warnings.filterwarnings("ignore", message="Positional args are being deprecated")
        return {key: value.clone() for key, value in module.state_dict().items()}


def signal_to_noise(images: Tensor, reference: Tensor) -> float:
    """Decibels of the reference's variation over the difference; infinite where there is none."""
    noise = (images - reference).square().mean().item()
    signal = (reference - reference.mean()).square().mean().item()
    return math.inf if noise == 0 else 10 * math.log10(signal / noise)


def all_cases(adapter: str | None = None) -> list[Case]:
    """Every method of this adapter, or of all but the baseline, on every architecture.

    Raises UserError for an adapter that is not registered or can't be loaded.
    """
    return [
        Case(name, method, arch)
        for name in ([adapter] if adapter else adapter_names())
        if name != "fp32"
        for method in adapter_of(name).methods
        for arch in ARCHITECTURES
    ]
