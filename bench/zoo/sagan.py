"""The SAGAN generator (Zhang et al. 2019) with residual blocks, as PyTorch-StudioGAN trains it.

Module names are those of its checkpoints. Spectral norm is not part of the layers: checkpoints are
folded on load, and `add_spectral_norm` / `fold_spectral_norm` put it on for training and take it off.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

from ganqbench.errors import UserError
from ganqbench.zoo.generator import Generator, Inputs
from ganqbench.zoo.latents import draw
from ganqbench.zoo.layers import MatMul

_BN_EPS = 1e-4
_SN_EPS = 1e-6


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation with a gain and a bias per class: [N, C, H, W] and one-hot [N, classes]."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, eps=_BN_EPS, affine=False)
        self.gain = nn.Linear(classes, channels, bias=False)
        self.bias = nn.Linear(classes, channels, bias=False)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """The normalised maps, of the same shape."""
        gain = 1 + self.gain(label)
        bias = self.bias(label)
        normed: Tensor = self.bn(x) * gain[:, :, None, None] + bias[:, :, None, None]
        return normed


class PlainBatchNorm(nn.BatchNorm2d):
    """Batch normalisation that ignores the class, for unconditional generators."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_BN_EPS)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """The normalised maps, of the same shape."""
        return super().forward(x)


class GenBlock(nn.Module):
    """Residual block that doubles height and width (nearest) and goes from `inputs` to `outputs` channels."""

    def __init__(self, inputs: int, outputs: int, classes: int) -> None:
        super().__init__()
        self.bn1 = ConditionalBatchNorm(classes, inputs) if classes else PlainBatchNorm(inputs)
        self.bn2 = ConditionalBatchNorm(classes, outputs) if classes else PlainBatchNorm(outputs)
        self.conv2d0 = nn.Conv2d(inputs, outputs, 1)
        self.conv2d1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2d2 = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Maps [N, inputs, H, W] and one-hot labels to [N, outputs, 2H, 2W]."""
        # The 1x1 convolution commutes with nearest up-sampling and costs a quarter before it.
        shortcut = F.interpolate(self.conv2d0(x), scale_factor=2.0, mode="nearest")
        x = F.relu(self.bn1(x, label))
        x = self.conv2d1(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.conv2d2(F.relu(self.bn2(x, label)))
        return x + shortcut


class SelfAttention(nn.Module):
    """Attention of every pixel to a map of half the size, added with a learned weight `sigma`.

    Queries and keys have an eighth of the channels, values half of them.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.keys = channels // 8
        self.values = channels // 2
        self.conv1x1_theta = nn.Conv2d(channels, self.keys, 1, bias=False)
        self.conv1x1_phi = nn.Conv2d(channels, self.keys, 1, bias=False)
        self.conv1x1_g = nn.Conv2d(channels, self.values, 1, bias=False)
        self.conv1x1_attn = nn.Conv2d(self.values, channels, 1, bias=False)
        self.maxpool = nn.MaxPool2d(2)
        self.scores = MatMul()
        self.softmax = nn.Softmax(dim=-1)
        self.mix = MatMul()
        self.sigma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, C, H, W] to the same shape; H and W even."""
        theta = self.conv1x1_theta(x).flatten(2)
        phi = self.maxpool(self.conv1x1_phi(x)).flatten(2)
        attention = self.softmax(self.scores(theta.transpose(1, 2), phi))
        values = self.maxpool(self.conv1x1_g(x)).flatten(2)
        mixed = self.mix(values, attention.transpose(1, 2))
        mixed = mixed.reshape(x.shape[0], self.values, x.shape[2], x.shape[3])
        attended: Tensor = self.conv1x1_attn(mixed)
        return x + self.sigma * attended


class SAGAN(Generator):
    """Images [N, 3, R, R] in [-1, 1] of latents z [N, z_dim] and class numbers [N] (int64).

    `widths` are the channels at 4 pixels and after each block, so R is 4 * 2 ** (len(widths) - 1).
    `attention` lists the blocks, counted from 1, that self-attention follows. `classes` 0 makes the
    generator unconditional.
    """

    reconstructed = frozenset({"GenBlock", "SelfAttention"})
    compared = reconstructed

    def __init__(
        self, widths: Sequence[int], z_dim: int = 128, classes: int = 10, attention: Sequence[int] = (2,)
    ) -> None:
        super().__init__()
        beyond = [place for place in attention if not 1 <= place < len(widths)]
        if beyond:
            raise UserError(
                f"Attention after block {beyond[0]} does not fit a generator of {len(widths) - 1} blocks.",
                f"Name blocks from 1 to {len(widths) - 1}.",
            )
        self.z_dim = z_dim
        self.classes = classes
        self.resolution = 4 << (len(widths) - 1)
        self.linear0 = nn.Linear(z_dim, widths[0] * 16)
        stages: list[nn.Module] = []
        for place, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            stages.append(nn.ModuleList([GenBlock(inputs, outputs, classes)]))
            if place in attention:
                stages.append(nn.ModuleList([SelfAttention(outputs)]))
        self.blocks = nn.ModuleList(stages)
        self.bn4 = nn.BatchNorm2d(widths[-1], eps=_BN_EPS)
        self.conv2d5 = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """The images of these latents and classes."""
        one_hot = None
        if self.classes:
            if label is None:
                raise TypeError("this generator is conditional: call it with latents and class numbers")
            one_hot = F.one_hot(label, self.classes).to(z.dtype)
        x = self.linear0(z).unflatten(1, (-1, 4, 4))
        for stage in self.blocks:
            block = cast("nn.ModuleList", stage)[0]
            x = block(x) if isinstance(block, SelfAttention) else block(x, one_hot)
        x = F.relu(self.bn4(x))
        return torch.tanh(self.conv2d5(x))

    def sample_inputs(self, n: int, seed: int) -> Inputs:
        """z [n, z_dim] and, with classes, class numbers [n], item i from (seed, i)."""
        z, labels = draw(seed, range(n), self.z_dim, self.classes)
        return (z, labels) if self.classes else (z,)


def add_spectral_norm(module: nn.Module) -> None:
    """Divides the weights of all linear layers and convolutions by their spectral norm, for training.

    Miyato et al. 2018: one power iteration per forward pass in training mode.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            parametrizations.spectral_norm(layer, eps=_SN_EPS)


def fold_spectral_norm(module: nn.Module) -> None:
    """Makes the normalised weights ordinary parameters again; eval mode's values are kept exactly."""
    training = {part: part.training for part in module.modules()}
    module.eval()  # in training mode reading a weight would move its power iteration
    for layer in list(module.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    for part in module.modules():
        part.train(training.get(part, part.training))
