"""Small generators with random weights, and quantizers written by hand."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganqbench.zoo.layers import MatMul

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))

Quantizer = Callable[[Tensor], Tensor]
WeightQuantizer = Callable[[Tensor, int], Tensor]
Quantize = Callable[..., nn.Module]


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None: ...


class Attention(nn.Module):
    """Attention over pixels with two products of activations, and channel gates from a linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(width, width // 2, 1)
        self.gate = nn.Linear(width, width)
        self.scores = MatMul()
        self.mix = MatMul()

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)
        attention = self.scores(query.transpose(1, 2), query).softmax(-1)
        mixed = self.mix(x.flatten(2), attention.transpose(1, 2)).view_as(x)
        return x + mixed * self.gate(x.mean((2, 3)))[:, :, None, None]


class Translator(nn.Module):
    """Images [N, 3, 16, 16] to images of that size, with every kind of product a generator has."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(3, 12, 3), nn.InstanceNorm2d(12), nn.ReLU()
        )
        self.down = nn.Sequential(nn.Conv2d(12, 24, 3, 2, 1), nn.InstanceNorm2d(24), nn.ReLU())
        self.attention = Attention(24)
        self.middle = nn.Sequential(
            nn.Conv2d(24, 24, 3, padding=1, groups=2), nn.InstanceNorm2d(24), nn.ReLU()
        )
        self.up = nn.Sequential(
            nn.ConvTranspose2d(24, 12, 3, 2, 1, output_padding=1, groups=2), nn.InstanceNorm2d(12), nn.ReLU()
        )
        self.last = nn.Sequential(nn.Conv2d(12, 3, 3, padding=1), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(self.down(self.first(x)))
        return self.last(self.up(x + self.middle(x)))


class Plain(nn.Module):
    """Two wide convolutions, so that a hidden one costs much more than rounding does."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 32, 3, padding=1)
        self.two = nn.Conv2d(32, 32, 3, padding=1)
        self.three = nn.Conv2d(32, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.three(self.two(self.one(x).relu()).relu()).tanh()


@pytest.fixture
def translator() -> nn.Module:
    torch.manual_seed(1)
    return Translator().eval()


@pytest.fixture
def plain() -> nn.Module:
    torch.manual_seed(2)
    return Plain().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1


class Layer(nn.Module):
    """A layer whose operands pass through quantizers, written with functional calls alone."""

    def __init__(self, inner: nn.Module, weights: WeightQuantizer, activations: Quantizer) -> None:
        super().__init__()
        self.inner, self.weights, self.activations = inner, weights, activations

    @property
    def weight(self) -> Tensor:
        """The rounded weight, for those who compute something from it (demodulation)."""
        inner = self.inner
        if not isinstance(inner, nn.ConvTranspose2d):
            assert isinstance(inner, nn.Conv2d | nn.Linear)
            return self.weights(inner.weight, 0)
        # Output channels are (group, dimension 1): bring them to the front, and back.
        groups, (inputs, outputs, *kernel) = inner.groups, inner.weight.shape
        front = inner.weight.view(groups, inputs // groups, outputs, *kernel).transpose(1, 2)
        rounded = self.weights(front.reshape(groups * outputs, -1), 0).view(front.shape)
        return rounded.transpose(1, 2).reshape(inner.weight.shape)

    def forward(self, *operands: Tensor) -> Tensor:
        inner = self.inner
        operands = tuple(self.activations(value) for value in operands)
        if isinstance(inner, MatMul):
            return torch.bmm(*operands)
        if isinstance(inner, nn.Linear):
            return F.linear(*operands, self.weight, inner.bias)
        if isinstance(inner, nn.ConvTranspose2d):
            return F.conv_transpose2d(
                *operands,
                self.weight,
                inner.bias,
                inner.stride,
                inner.padding,
                inner.output_padding,
                inner.groups,
            )
        assert isinstance(inner, nn.Conv2d)
        return F.conv2d(*operands, self.weight, inner.bias, inner.stride, inner.padding, 1, inner.groups)


def per_channel(bits: int) -> WeightQuantizer:
    def rounded(weight: Tensor, axis: int) -> Tensor:
        others = [dim for dim in range(weight.ndim) if dim != axis]
        top = 2 ** (bits - 1) - 1
        step = weight.abs().amax(others, keepdim=True) / top
        return (weight / step).round().clamp(-top, top) * step

    return rounded


def per_tensor(bits: int) -> WeightQuantizer:
    return lambda weight, _: affine(bits, weight.min(), weight.max())(weight)


def affine(bits: int, low: Tensor | float, high: Tensor | float) -> Quantizer:
    """Asymmetric rounding to 2^bits levels of a range, zero among them."""

    def rounded(x: Tensor) -> Tensor:
        step = (torch.as_tensor(high).clamp_min(0) - torch.as_tensor(low).clamp_max(0)) / (2**bits - 1)
        zero = (-torch.as_tensor(low).clamp_max(0) / step).round()
        return ((x / step + zero).round().clamp(0, 2**bits - 1) - zero) * step

    return rounded


def dynamic(bits: int) -> Quantizer:
    """A range for every sample, taken from the sample."""

    def rounded(x: Tensor) -> Tensor:
        others = list(range(1, x.ndim))
        return affine(bits, x.amin(others, keepdim=True), x.amax(others, keepdim=True))(x)

    return rounded


@pytest.fixture
def quantize() -> Quantize:
    """Function of (model, weight bits, activation bits, ...): a copy with its products quantized."""

    def quantized(
        model: nn.Module,
        weight_bits: int = 4,
        activation_bits: int = 8,
        *,
        weights: WeightQuantizer | None = None,
        activations: Quantizer | None = None,
        only: Callable[[str, nn.Module], bool] = lambda name, module: True,
    ) -> nn.Module:
        model = copy.deepcopy(model)
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | MatMul) and only(name, module):
                parent, _, child = name.rpartition(".")
                layer = Layer(
                    module,
                    weights or per_channel(weight_bits),
                    activations or affine(activation_bits, -3.1, 4.7),
                )
                setattr(model.get_submodule(parent), child, layer)
        return model

    return quantized


@pytest.fixture
def quantizers() -> dict[str, Callable[[int], WeightQuantizer]]:
    return {"channel": per_channel, "tensor": per_tensor}


@pytest.fixture
def per_sample() -> Callable[[int], Quantizer]:
    return dynamic
