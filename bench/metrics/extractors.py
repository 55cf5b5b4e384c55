"""Networks whose features distances are computed in, behind one interface."""

from __future__ import annotations

import hashlib
import io
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganqbench.metrics.checks import Float64, MetricError, uint8_images
from ganqbench.metrics.metric_identity import MetricIdentity
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
    weights: str
    """SHA-256 of the weights' file."""
    resizer: str
    batch: int = 32

    @abstractmethod
    def _forward(self, images: Tensor) -> Tensor:
        """Features ``[batch, dim]`` of images ``[batch, 3, H, W]`` float32 in 0..255."""

    def features(self, images: Any) -> Float32:
        """Features ``[N, dim]`` of images ``[N, 3, H, W]`` uint8; raises MetricError for others."""
        pixels = torch.from_numpy(uint8_images("extractor's", images))
        with torch.inference_mode():
            result = _padded(self._forward, self.batch, pixels)
        return cast(Float32, result.reshape(-1, self.dim).numpy())

    def identity(self, metric: str, n: int, reference: str) -> MetricIdentity:
        """The identity of ``metric`` computed on this network's features."""
        return MetricIdentity(metric, self.name, self.weights, self.resizer, n, reference)


class EmbeddedExtractor(Extractor):
    """The small classifier that ships with the package for exactly this purpose (32x32 images)."""

    name = "metric-net"
    resizer = "pil-bicubic-32"

    def __init__(self, content: bytes | None = None) -> None:
        """Reads the network that ships, or ``content``, a safetensors file of the same network."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        if content is None:
            shipped = files("ganqbench.weights") / "metric.safetensors"
            if not shipped.is_file():
                raise MetricError("this installation ships no metric.safetensors; install ganqbench again")
            content = shipped.read_bytes()
        self.network: Classifier = build_classifier("metric").eval()
        try:
            self.network.load_state_dict(load(content))
        except (SafetensorError, RuntimeError) as error:
            raise MetricError(f"the metric network's weights are damaged: {error}") from error
        self.dim = self.network.feature_dim
        self.weights = hashlib.sha256(content).hexdigest()

    def _prepare(self, images: Tensor) -> Tensor:
        return resize(images, 32) / 127.5 - 1

    def _forward(self, images: Tensor) -> Tensor:
        return self.network.features(self._prepare(images))

    def perceptual(self, reference: Any, candidate: Any) -> Float64:
        """Perceptual distance per image ``[N]`` (>= 0) between images ``[N, 3, H, W]`` uint8.

        The unit-length feature vectors of each position are compared by squared distance, averaged
        over positions and over the three stages: LPIPS without its learned weights (Zhang et al.
        2018), in this network's space, and therefore never called LPIPS.
        """
        first = uint8_images("reference", reference)
        second = uint8_images("candidate", candidate)
        if first.shape != second.shape:
            raise MetricError(f"images {list(first.shape)} and {list(second.shape)} are not paired")
        pairs = torch.from_numpy(np.stack([first, second], axis=1))
        with torch.inference_mode():
            return cast(Float64, _padded(self._distance, self.batch, pairs).double().numpy())

    def _distance(self, pairs: Tensor) -> Tensor:
        total = torch.zeros(len(pairs), dtype=torch.float64)
        first, second = (self._prepare(pairs[:, side]) for side in (0, 1))
        stages = list(zip(self.network.stages(first), self.network.stages(second), strict=True))
        for one, other in stages:
            difference = _unit(one.double()) - _unit(other.double())
            total += difference.square().sum(dim=1).mean(dim=(1, 2))
        return total / len(stages)


@dataclass(frozen=True)
class Pin:
    """A file that is what we mean only if its size and SHA-256 match."""

    file: str
    size: int
    sha256: str

    def read(self, directory: Path) -> bytes:
        """The file's content, checked before anyone parses it; raises MetricError otherwise."""
        path = directory / self.file
        if not path.is_file():
            raise MetricError(f"{path} does not exist; put the Inception weights there")
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if len(content) != self.size or found != self.sha256:
            raise MetricError(
                f"{path} is not the published file: {len(content)} bytes, SHA-256 {found}, "
                f"not {self.size} bytes, {self.sha256}"
            )
        return content


# NVIDIA's TorchScript export of the original network, which clean-fid loads.
INCEPTION = Pin(
    "inception-2015-12-05.pt",
    95_607_719,
    "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
)


class InceptionExtractor(Extractor):
    """Inception v3 as clean-fid uses it: Pillow bicubic to 299x299, pool features ``[N, 2048]``."""

    name = "inception"
    dim = 2048
    resizer = "pil-bicubic-299"

    def __init__(self, directory: Path, pin: Pin = INCEPTION) -> None:
        """Loads ``directory / "inception-2015-12-05.pt"``; raises MetricError if it is another file."""
        content = pin.read(directory)
        with warnings.catch_warnings():
            # TorchScript is deprecated, and the format that the network is published in.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            read: Any = torch.jit.load
            self._layers = read(io.BytesIO(content), map_location="cpu").eval().layers
        self.weights = pin.sha256

    def _forward(self, images: Tensor) -> Tensor:
        inputs = ((resize(images, 299) - 128) / 128).contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self._layers(inputs)).reshape(len(images), self.dim)


def _padded(forward: Callable[[Tensor], Tensor], batch: int, images: Tensor) -> Tensor:
    """``forward`` over float images in batches of exactly ``batch``, the tail filled with its first."""
    parts = []
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        short = batch - len(part)
        filled = torch.cat([part, part[:1].expand(short, *part.shape[1:])]) if short else part
        parts.append(forward(filled.float())[: len(part)])
    return torch.cat(parts) if parts else torch.empty(0)


def _unit(maps: Tensor) -> Tensor:
    """Feature vectors of all positions scaled to length 1 (zero vectors stay zero)."""
    result: Tensor = maps / maps.norm(dim=1, keepdim=True).clamp_min(1e-10)
    return result
