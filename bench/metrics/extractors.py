"""Networks whose features distances are computed in, behind one interface."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from itertools import islice
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganqbench.metrics.checks import Float64, MetricError, Pixels, uint8_images
from ganqbench.metrics.folding import fold
from ganqbench.metrics.metric_identity import FeatureIdentity, MetricIdentity
from ganqbench.metrics.resize import resize
from ganqbench.zoo.classifier import Classifier, build_classifier

Float32 = npt.NDArray[np.float32]


class Extractor(ABC):
    """Maps uint8 images to feature vectors, the same bits for an image in any company.

    ``batch`` is part of the numbers' definition: kernels may round differently for another batch
    size, so every batch has it, the last one padded.
    """

    name: str
    dim: int
    size: int
    """Height and width that images of any size are resized to."""
    weights: str
    """SHA-256 of the weights' file."""
    resizer: str
    batch: int = 32
    head: Tensor | None = None
    """Weights ``[classes, dim]`` that class scores are products with; None where it knows no classes."""

    @abstractmethod
    def _forward(self, images: Tensor) -> Tensor:
        """Features ``[batch, dim]`` of images ``[batch, 3, size, size]`` float32, around 0..255."""

    def features(self, images: Any) -> Float32:
        """Features ``[N, dim]`` of images ``[N, 3, H, W]`` uint8; raises MetricError for others."""
        pixels = torch.from_numpy(uint8_images("extractor's", images))
        with torch.inference_mode():
            result = padded(lambda part: self._forward(resize(part, self.size)), self.batch, pixels)
        return cast(Float32, result.reshape(-1, self.dim).numpy())

    def logits(self, features: Any) -> Float32:
        """Class scores ``[N, classes]`` of feature vectors ``[N, dim]``, without bias as is usual.

        Raises MetricError for a network that knows no classes.
        """
        if self.head is None:
            raise MetricError(f"{self.name} knows no classes, so that there is no Inception score")
        weights = self.head.T
        rows = torch.from_numpy(np.array(features, dtype=np.float32))
        with torch.inference_mode():
            scores = padded(lambda part: part @ weights, self.batch, rows)
        return cast(Float32, scores.reshape(-1, weights.shape[1]).numpy())

    def stream(self, images: Iterable[Pixels]) -> Iterator[Float32]:
        """Features ``[<= batch, dim]`` of one image ``[3, H, W]`` uint8 after another, of any sizes."""
        for group in batches(images, self.batch):
            with torch.inference_mode():
                sized = [
                    resize(torch.from_numpy(uint8_images("extractor's", image[None])).float(), self.size)
                    for image in group
                ]
                result = padded(self._forward, self.batch, torch.cat(sized))
            yield cast(Float32, result.numpy())

    @property
    def feature_identity(self) -> FeatureIdentity:
        """What makes these features, for comparison with a reference's."""
        return FeatureIdentity(self.name, self.weights, self.resizer)

    def identity(self, metric: str, n: int, reference: str) -> MetricIdentity:
        """The identity of ``metric`` computed on this network's features."""
        return MetricIdentity(metric, self.name, self.weights, self.resizer, n, reference)


class EmbeddedExtractor(Extractor):
    """The small classifier that ships with the package for exactly this purpose (32x32 images)."""

    name = "metric-net"
    network_name = "metric"
    """Of the classifier, and of its file among those that ship."""
    size = 32
    resizer = "pil-bicubic-32"

    def __init__(self, content: bytes | None = None) -> None:
        """Reads the network that ships, or ``content``, a safetensors file of the same network."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        if content is None:
            shipped = files("ganqbench.weights") / f"{self.network_name}.safetensors"
            if not shipped.is_file():
                raise MetricError(f"this installation ships no {shipped.name}; install ganqbench again")
            content = shipped.read_bytes()
        self.network: Classifier = build_classifier(self.network_name).eval()
        try:
            self.network.load_state_dict(load(content))
        except (SafetensorError, RuntimeError) as error:
            raise MetricError(f"the {self.network_name} network's weights are damaged: {error}") from error
        fold(self.network)
        self.dim = self.network.feature_dim
        self.head = self.network.head.weight.detach() * self.network.logit_scale
        self.weights = hashlib.sha256(content).hexdigest()

    def _forward(self, images: Tensor) -> Tensor:
        return self.network.features(images / 127.5 - 1)

    def perceptual(self, reference: Any, candidate: Any) -> Float64:
        """Perceptual distance per image ``[N]`` (>= 0) between images ``[N, 3, H, W]`` uint8.

        The unit-length feature vectors of each position are compared by squared distance, averaged
        over positions and over the three stages: LPIPS without its learned weights (Zhang et al.
        2018), in this network's space, and therefore never called LPIPS.
        """
        return self.compare(reference, candidate)[1]

    def compare(self, reference: Any, candidate: Any) -> tuple[Float32, Float64]:
        """``features(candidate)`` and ``perceptual(reference, candidate)`` in one pass over each."""
        first = uint8_images("reference", reference)
        second = uint8_images("candidate", candidate)
        if first.shape != second.shape:
            raise MetricError(f"images {list(first.shape)} and {list(second.shape)} are not paired")
        pairs = torch.from_numpy(np.stack([first, second], axis=1))
        with torch.inference_mode():
            result = padded(self._compared, self.batch, pairs).reshape(-1, self.dim + 1).numpy()
        return np.ascontiguousarray(result[:, :-1], dtype=np.float32), result[:, -1].copy()

    def _compared(self, pairs: Tensor) -> Tensor:
        """Features of the second images and distances, ``[batch, dim + 1]`` float64."""
        sides = [resize(pairs[:, side].contiguous(), self.size) / 127.5 - 1 for side in (0, 1)]
        first, second = (self.network.stages(images) for images in sides)
        total = torch.zeros(len(pairs), dtype=torch.float64)
        for one, other in zip(first, second, strict=True):
            total += (_unit(one) - _unit(other)).square().sum(dim=1).mean(dim=(1, 2))
        distance = (total / len(first))[:, None]
        return torch.cat([self.network.pool(second[-1]).double(), distance], dim=1)


class ThirdExtractor(EmbeddedExtractor):
    """The other judge that ships: of another seed and make, it confirms what the first one found."""

    name = "third-net"
    network_name = "third"


def padded(forward: Callable[[Tensor], Tensor], batch: int, images: Tensor) -> Tensor:
    """``forward`` over float images in batches of exactly ``batch``, the tail filled with its first."""
    parts = []
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        short = batch - len(part)
        filled = torch.cat([part, part[:1].expand(short, *part.shape[1:])]) if short else part
        parts.append(forward(filled.float())[: len(part)])
    return torch.cat(parts) if parts else torch.empty(0)


def batches(items: Iterable[Pixels], size: int) -> Iterator[list[Pixels]]:
    """Consecutive groups of ``size`` items, the last one shorter."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


def _unit(maps: Tensor) -> Tensor:
    """Feature vectors of all positions scaled to length 1 (zero vectors stay zero), in float64."""
    maps = maps.double()
    result: Tensor = maps / maps.norm(dim=1, keepdim=True).clamp_min(1e-10)
    return result
