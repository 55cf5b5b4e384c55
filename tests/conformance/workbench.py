"""What every adapter is tried on, and the cells that one test run quantizes only once."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import torch
from once import exporting_once, searching_once
from torch import Tensor, nn
from twins import TWINS

from ganqbench.adapter import Adapter, Skip, adapter_names, exempt_modules, load_adapter
from ganqbench.audit import AuditReport
from ganqbench.audit.integer import audit_model
from ganqbench.cell import Bits, Cell
from ganqbench.deploy.session import IntegerSession
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, Inputs
from ganqbench.zoo.sagan import SAGAN, SelfAttention
from ganqbench.zoo.stylegan2 import StyleGAN2


def _cyclegan() -> Generator:
    return ResnetGenerator(ngf=8, n_blocks=2, affine=True)


def _sagan() -> Generator:
    generator = SAGAN((32, 16), z_dim=16, classes=4, attention=(1,))
    for module in generator.modules():
        if isinstance(module, SelfAttention):
            nn.init.constant_(module.sigma, 0.5)  # attention starts switched off
    return generator


def _stylegan2() -> Generator:
    return StyleGAN2((12, 16), z_dim=16, w_dim=16, mapping_layers=2)


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
    """A batch of eight and the four that are left."""
    inputs = draw(generator_of(arch), 12, seed=1)
    return [tuple(value[start : start + 8] for value in inputs) for start in (0, 8)]


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

    @property
    def is_first(self) -> bool:
        """Whether it is the adapter's first method."""
        return self.method == next(iter(adapter_of(self.adapter).methods))

    @property
    def exempt(self) -> tuple[str, ...]:
        """The layers that the method declares to be wider."""
        return exempt_modules(adapter_of(self.adapter).methods[self.method], generator_of(self.arch))

    @property
    def twin(self) -> Case:
        """The case that stands for this one and all that give the same: mostly itself."""
        name = f"{self.adapter}.{self.method}"
        return replace(self, method=TWINS.get(name, name).partition(".")[2])

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
    if case.twin != case:
        return quantized(case.twin, bits)
    with exporting_once(), searching_once():
        return quantize(case, bits)


@cache
def audited(case: Case, bits: str) -> AuditReport:
    """What the audit finds in the shared result."""
    if case.twin != case:
        return audited(case.twin, bits)
    reference = generator_of(case.arch)
    return audit_model(
        quantized(case, bits),
        draw(reference, 2, seed=2),
        reference=reference,
        declared=case.exempt,
        second=draw(reference, 2, seed=3),
    )


def beside(*cases: Case) -> pytest.MarkDecorator:
    """Parametrize `at`: such a test shares its process with the methods' cases, and what they quantized."""
    return pytest.mark.parametrize("at", cases, ids=str)


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


OUR_OWN = {  # adapters of this package; what else is installed here is anybody's
    "brevitas",
    "ganq",
    "modelopt",
    "onnxruntime",
    "openvino",
    "pytorch_quantization",
    "torch_ao",
    "torchao",
}


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


def by_method(cases: list[Case]) -> list[list[Case]]:
    """The cases of each method."""
    found: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        found.setdefault((case.adapter, case.method), []).append(case)
    return list(found.values())


def first_that_runs(cases: list[Case]) -> Case:
    """A method's first case that it doesn't opt out of at every width; its very first if there is none."""
    return next((c for c in cases if any(c.skip(bits) is None for bits in ("W4A8", "W8A8"))), cases[0])


def graph_of(module: nn.Module) -> Any:
    """The ONNX graph in the bytes of an integer session."""
    import onnx

    assert isinstance(module, IntegerSession)
    return onnx.load_model_from_string(module.serialised).graph
