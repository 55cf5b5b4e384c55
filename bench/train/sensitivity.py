"""What a network's Fréchet distance sees, and what it overlooks as an eye would.

Each entry is the distance of changed test images to the training set over that of the test images
as they are. One means the change goes unseen.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganqbench.train.augment import gaussian_blur
from ganqbench.train.classifier import to_unit
from ganqbench.train.data import Cifar10, ImageSet
from ganqbench.train.distance import features_of, frechet, moments
from ganqbench.zoo.classifier import Classifier

Change = Callable[[Tensor], Tensor]


def _as_pixels(images: Tensor) -> Tensor:
    """Rounded and clipped to what an 8-bit file can hold."""
    return ((images + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1


def add_noise(images: Tensor, deviation: float, rng: torch.Generator) -> Tensor:
    """White noise of ``deviation`` grey levels (of 255) on ``[N, 3, H, W]`` in [-1, 1]."""
    return _as_pixels(images + torch.randn(images.shape, generator=rng) * deviation / 127.5)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of ``sigma`` pixels."""
    return _as_pixels(gaussian_blur(images, torch.full((len(images),), sigma)))


def fade(images: Tensor, contrast: float) -> Tensor:
    """Contrast reduced to ``contrast`` about each image's own mean colour."""
    mean = images.mean(dim=(2, 3), keepdim=True)
    return _as_pixels(mean + (images - mean) * contrast)


def _features(network: Classifier, images: ImageSet, change: Change | None = None) -> Tensor:
    parts = []
    for pixels in torch.split(torch.from_numpy(images.images), 500):
        unit = to_unit(pixels)
        parts.append(features_of(network, unit if change is None else change(unit)))
    return torch.cat(parts)


def sensitivity(network: Classifier, data: Cifar10, seed: int = 0) -> dict[str, float]:
    """Distances of the test set to the training set, as it is and changed.

    ``test_vs_train`` is a distance, everything else a ratio to it. Collapse comes in two kinds:
    only a tenth of the images, each ten times, and two of the ten classes missing.
    """
    rng = torch.Generator().manual_seed(seed)
    network.eval()
    train = moments(_features(network, data.train))
    test = _features(network, data.test)
    plain = frechet(train, moments(test))
    few = test[torch.randperm(len(test), generator=rng)[: len(test) // 10]].repeat(10, 1)
    some = test[torch.from_numpy(data.test.labels) < 8]
    changes: dict[str, Change] = {
        "noise_2": lambda images: add_noise(images, 2, rng),
        "blur_0.5": lambda images: blur(images, 0.5),
        "blur_0.8": lambda images: blur(images, 0.8),
        "contrast_0.8": lambda images: fade(images, 0.8),
    }
    result = {"test_vs_train": plain}
    for name, change in changes.items():
        result[name] = frechet(train, moments(_features(network, data.test, change))) / plain
    result["few_images"] = frechet(train, moments(few)) / plain
    result["missing_classes"] = frechet(train, moments(some)) / plain
    return result
