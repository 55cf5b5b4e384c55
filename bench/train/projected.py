"""A projected discriminator: small heads on a frozen classifier, beside an ordinary pixel network.

After Sauer et al. 2021, "Projected GANs Converge Faster", with our own CIFAR classifier (the
*teacher*) in place of an ImageNet network. The teacher already knows what a picture shows, so the
heads teach the generator shape within minutes; the pixel network teaches it texture. Every part is
conditional by class projection (Miyato and Koyama 2018).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from ganqbench.zoo.classifier import Classifier


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Module:
    module: nn.Module = spectral_norm(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))
    return module


class ClassProjection(nn.Module):
    """Score of a feature vector: a linear term plus its product with the class's own vector."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        # Free to grow: under spectral norm the scores could not reach the hinge's margin, and the
        # discriminator stayed at chance.
        self.linear = nn.Linear(width, 1)
        self.embedding = nn.Embedding(classes, width)
        nn.init.normal_(self.embedding.weight, 0, width**-0.5)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Scores ``[N]`` of ``[N, width]`` features and ``[N]`` labels."""
        scores: Tensor = self.linear(features).squeeze(1)
        return scores.add((self.embedding(labels) * features).sum(dim=1))


class SelfAttention(nn.Module):
    """Self-attention over positions (Zhang et al. 2019), keys and values at half resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = _conv(width, width // 8, 1)
        self.key = _conv(width, width // 8, 1)
        self.value = _conv(width, width // 2, 1)
        self.out = _conv(width // 2, width, 1)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps ``[N, width, H, W]`` to the same shape."""
        n, _, height, width = inputs.shape
        query = self.query(inputs).flatten(2).transpose(1, 2)
        key = F.max_pool2d(self.key(inputs), 2).flatten(2)
        value = F.max_pool2d(self.value(inputs), 2).flatten(2)
        weights = torch.softmax(query @ key, dim=-1)
        mixed = (value @ weights.transpose(1, 2)).view(n, -1, height, width)
        result: Tensor = inputs + self.gain * self.out(mixed)
        return result


class MinibatchDeviation(nn.Module):
    """Adds one channel: how much neighbouring images differ (Karras et al. 2018, section 3).

    Groups are consecutive images, so that a batch of real and then fake ones is never mixed.
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps ``[N, C, H, W]`` to ``[N, C + 1, H, W]``; N must be a multiple of the group."""
        n, _, height, width = inputs.shape
        grouped = inputs.reshape(-1, self.group, *inputs.shape[1:])
        deviation = (grouped.var(dim=1, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        plane = deviation.repeat_interleave(self.group).view(n, 1, 1, 1).expand(n, 1, height, width)
        return torch.cat([inputs, plane], dim=1)


def _pool(maps: Tensor) -> Tensor:
    """Summed over positions as in SAGAN, scaled so that the size of the map matters less."""
    return maps.sum(dim=(2, 3)) / math.sqrt(maps.shape[2] * maps.shape[3])


class PixelDiscriminator(nn.Module):
    """Four convolution stages from 32 to 4 pixels with spectral norm."""

    def __init__(
        self, widths: tuple[int, ...], classes: int, attention: bool, minibatch_deviation: bool
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv(3, widths[0], 3), nn.LeakyReLU(0.2)]
        for level, (narrow, wide) in enumerate(pairwise(widths)):
            layers += [_conv(narrow, wide, 3), nn.LeakyReLU(0.2), nn.AvgPool2d(2)]
            if attention and level == 0:
                layers.append(SelfAttention(wide))
        last = widths[-1]
        if minibatch_deviation:
            layers += [MinibatchDeviation(), _conv(last + 1, last, 3), nn.LeakyReLU(0.2)]
        else:
            layers += [_conv(last, last, 3), nn.LeakyReLU(0.2)]
        self.trunk = nn.Sequential(*layers)
        self.score = ClassProjection(last, classes)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Scores ``[N]`` of images ``[N, 3, H, W]``."""
        hidden = self.trunk(images)
        scores: Tensor = self.score(_pool(hidden), labels)
        return scores


class FeatureHead(nn.Module):
    """Scores one of the teacher's maps: 1x1 convolution, 3x3 convolution, class projection."""

    def __init__(self, inputs: int, width: int, classes: int) -> None:
        super().__init__()
        self.mix = _conv(inputs, width, 1)
        self.look = _conv(width, width, 3)
        self.score = ClassProjection(width, classes)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Scores ``[N]`` of maps ``[N, C, h, w]``."""
        hidden = F.leaky_relu(self.look(F.leaky_relu(self.mix(maps), 0.2)), 0.2)
        scores: Tensor = self.score(_pool(hidden), labels)
        return scores


class ProjectedDiscriminator(nn.Module):
    """The pixel network and one head per stage of the teacher.

    The teacher is no submodule: its weights are neither trained nor stored with this network.
    """

    def __init__(
        self,
        teacher: Classifier,
        classes: int = 10,
        widths: tuple[int, ...] = (16, 32, 64, 64),
        head_width: int = 48,
        attention: bool = True,
        minibatch_deviation: bool = False,
    ) -> None:
        super().__init__()
        self._teacher = (teacher.eval().requires_grad_(False),)
        self.pixels = PixelDiscriminator(widths, classes, attention, minibatch_deviation)
        self.heads = nn.ModuleList(FeatureHead(dim, head_width, classes) for dim in teacher.stage_dims)
        self.register_buffer("scale", torch.ones(len(teacher.stage_dims)))

    @torch.no_grad()
    def calibrate(self, images: Tensor) -> None:
        """Scales each stage's maps to unit root mean square over real images ``[N, 3, H, W]``."""
        for level, maps in enumerate(self._teacher[0].stages(images)):
            self.scale[level] = maps.square().mean().rsqrt()  # type: ignore[operator]

    def maps(self, images: Tensor) -> list[Tensor]:
        """The teacher's maps, scaled; differentiable with respect to ``images``."""
        stages = self._teacher[0].stages(images)
        return [stage * scale for stage, scale in zip(stages, self.scale, strict=True)]  # type: ignore[arg-type]

    def forward(self, images: Tensor, maps: list[Tensor], labels: Tensor) -> list[Tensor]:
        """Scores ``[N]`` of the pixel network and of each head, in that order."""
        scores = [self.pixels(images, labels)]
        scores += [head(stage, labels) for head, stage in zip(self.heads, maps, strict=True)]
        return scores
