"""Four CIFAR-10 classifiers of different make, and what each is for.

* ``teacher`` sees the GANs while they train: discriminator features, losses, early stopping.
* ``tutor`` sees the GANs in their last phase, beside the teacher and with other eyes: trained to
  overlook noise and blur.
* ``metric`` gives the features that published distances are computed in. Nothing that trains or
  tunes a generator may touch it, or the board would measure its own training signal.
* ``third`` confirms verdicts with a network that shares neither seed, shape nor activation.

All take images ``[N, 3, 32, 32]`` float32 in [-1, 1] and normalise inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Channel means and deviations of CIFAR-10 train, in [0, 1] units (Krizhevsky 2009).
_MEAN = (0.4914, 0.4822, 0.4465)
_STD = (0.2470, 0.2435, 0.2616)


class Classifier(nn.Module):
    """A convolutional trunk in three stages, a pooled feature vector and a linear head.

    ``feature_dim`` is the length of the vector that distances are computed on, and ``stage_dims``
    the channels of the maps of :meth:`stages`.
    """

    mean: Tensor
    std: Tensor
    trunk: nn.ModuleList
    """The three stages, where the layout of :meth:`stages` is the plain one."""

    def __init__(self, stage_dims: tuple[int, int, int], classes: int, logit_scale: float) -> None:
        super().__init__()
        self.stage_dims = stage_dims
        self.feature_dim = stage_dims[-1]
        self.logit_scale = logit_scale
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        self.head = nn.Linear(self.feature_dim, classes, bias=False)

    def normalise(self, images: Tensor) -> Tensor:
        """Maps [-1, 1] images to zero mean and unit deviation per channel over CIFAR-10."""
        return (images * 0.5 + 0.5 - self.mean) / self.std

    def enter(self, images: Tensor) -> Tensor:
        """What the first stage takes of images."""
        return self.normalise(images)

    def stages(self, images: Tensor) -> list[Tensor]:
        """The maps after each of the three stages, ``[N, stage_dims[k], h_k, w_k]``."""
        maps = []
        hidden = self.enter(images)
        for stage in self.trunk:
            hidden = stage(hidden)
            maps.append(hidden)
        return maps

    def pool(self, last: Tensor) -> Tensor:
        """The last stage's map to the feature vector ``[N, feature_dim]``: the mean of each channel."""
        return last.mean(dim=(2, 3))

    def features(self, images: Tensor) -> Tensor:
        """Feature vectors ``[N, feature_dim]`` before the linear head."""
        return self.pool(self.stages(images)[-1])

    def logits_from(self, features: Tensor) -> Tensor:
        """Class scores ``[N, classes]`` of feature vectors."""
        logits: Tensor = self.head(features)
        return logits * self.logit_scale

    def forward(self, images: Tensor) -> Tensor:
        """Class scores ``[N, classes]``."""
        return self.logits_from(self.features(images))


def _conv_bn(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class WhitenedNet(Classifier):
    """Plain conv-pool-conv stages behind a fixed patch-whitening layer.

    The layout of Jordan, "94% on CIFAR-10 in 3.29 seconds" (2024), at smaller widths and with SiLU:
    2x2 whitening filters and their negatives, then three blocks of conv, max-pool, conv.
    """

    def __init__(self, widths: tuple[int, int, int] = (48, 144, 144), classes: int = 10) -> None:
        super().__init__(widths, classes, logit_scale=1 / 9)
        self.whiten = nn.Conv2d(3, 24, 2, bias=True)
        self.whiten.weight.requires_grad_(False)
        blocks = []
        inputs = 24
        for width in widths:
            blocks.append(
                nn.Sequential(
                    nn.Conv2d(inputs, width, 3, padding=1, bias=False),
                    nn.MaxPool2d(2),
                    nn.BatchNorm2d(width),
                    nn.SiLU(),
                    *_conv_bn(width, width),
                    nn.SiLU(),
                )
            )
            inputs = width
        self.blocks = nn.ModuleList(blocks)

    def set_whitening(self, images: Tensor, epsilon: float = 5e-4) -> None:
        """Fits the first layer to the 2x2 patches of ``images`` ``[N, 3, H, W]`` in [-1, 1]."""
        patches = F.unfold(self.normalise(images), 2)  # [N, 12, L]
        flat = patches.transpose(1, 2).reshape(-1, 12).double()
        covariance = flat.T @ flat / len(flat)
        values, vectors = torch.linalg.eigh(covariance)
        filters = (vectors / (values + epsilon).sqrt()).T.reshape(12, 3, 2, 2).float()
        self.whiten.weight.data.copy_(torch.cat([filters, -filters]))

    def stages(self, images: Tensor) -> list[Tensor]:
        """See :class:`Classifier`."""
        maps = []
        hidden = F.silu(self.whiten(self.normalise(images)))
        for block in self.blocks:
            hidden = block(hidden)
            maps.append(hidden)
        return maps

    def pool(self, last: Tensor) -> Tensor:
        """The largest value of each channel."""
        return last.amax(dim=(2, 3))


class _Residual(nn.Module):
    """``x + f(x)`` with two 3x3 convolutions, post-activation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_conv_bn(width, width), nn.ReLU(), *_conv_bn(width, width))

    def forward(self, inputs: Tensor) -> Tensor:
        return F.relu(inputs + self.body(inputs))


class ResidualNet(Classifier):
    """A nine-layer residual network with average pooling throughout and ReLU.

    No whitening layer: it would amplify the fine noise that an eye does not see. Average pooling
    for the same reason (a maximum over positions grows with noise, an average does not).
    """

    def __init__(self, widths: tuple[int, int, int] = (64, 128, 192), classes: int = 10) -> None:
        super().__init__(widths, classes, logit_scale=1.0)
        self.stem = nn.Sequential(*_conv_bn(3, 32), nn.ReLU())
        stages = []
        inputs = 32
        for width in widths:
            stages.append(
                nn.Sequential(*_conv_bn(inputs, width), nn.ReLU(), nn.AvgPool2d(2), _Residual(width))
            )
            inputs = width
        self.trunk = nn.ModuleList(stages)

    def enter(self, images: Tensor) -> Tensor:
        """See :class:`Classifier`."""
        hidden: Tensor = self.stem(self.normalise(images))
        return hidden


class PlainNet(Classifier):
    """Six convolutions in three stages with average pooling between them and ReLU, nothing else."""

    def __init__(self, widths: tuple[int, int, int] = (48, 112, 208), classes: int = 10) -> None:
        super().__init__(widths, classes, logit_scale=1.0)
        stages = []
        inputs = 3
        for width in widths:
            layers = [*_conv_bn(inputs, width), nn.ReLU(), *_conv_bn(width, width), nn.ReLU()]
            stages.append(nn.Sequential(*layers, nn.AvgPool2d(2)))
            inputs = width
        self.trunk = nn.ModuleList(stages)


class _PreActivation(nn.Module):
    """A pre-activation residual block (He et al. 2016) with GELU, optionally halving the map."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.enter = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.between = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.skip = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        active = F.gelu(self.enter(inputs))
        skip = inputs if isinstance(self.skip, nn.Identity) else self.skip(active)
        hidden: Tensor = self.conv2(F.gelu(self.between(self.conv1(active))))
        return skip + hidden


class PreActivationNet(Classifier):
    """A wide pre-activation residual network with strided convolutions and GELU."""

    def __init__(self, widths: tuple[int, int, int] = (48, 96, 160), classes: int = 10) -> None:
        super().__init__(widths, classes, logit_scale=1.0)
        self.stem = nn.Conv2d(3, 24, 3, padding=1, bias=False)
        stages = []
        inputs = 24
        for width in widths:
            stages.append(nn.Sequential(_PreActivation(inputs, width, 2), _PreActivation(width, width, 1)))
            inputs = width
        self.trunk = nn.ModuleList(stages)
        self.leave = nn.BatchNorm2d(inputs)

    def enter(self, images: Tensor) -> Tensor:
        """See :class:`Classifier`."""
        hidden: Tensor = self.stem(self.normalise(images))
        return hidden

    def pool(self, last: Tensor) -> Tensor:
        """The mean of each channel after the last activation."""
        return F.gelu(self.leave(last)).mean(dim=(2, 3))


_BUILDERS: dict[str, Callable[[], Classifier]] = {
    "teacher": WhitenedNet,
    "tutor": PlainNet,
    "metric": ResidualNet,
    "third": PreActivationNet,
}
CLASSIFIERS = tuple(_BUILDERS)
STEERING = ("teacher", "tutor")
"""Those that a training may look through; the others judge."""


def build_classifier(name: str) -> Classifier:
    """An untrained network of the shape that ``name`` ships with."""
    if name not in _BUILDERS:
        raise ValueError(f"unknown classifier {name!r}; known: {', '.join(CLASSIFIERS)}")
    return _BUILDERS[name]()


def load_trained(network: Classifier, weights: Mapping[str, Tensor]) -> None:
    """Loads published weights, which lack the batch norms' counters; ValueError unless all the rest fits."""
    missing, unexpected = network.load_state_dict(dict(weights), strict=False)
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"not weights of this network: missing {missing}, unexpected {list(unexpected)}")
