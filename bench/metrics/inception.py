"""Inception v3, the network of published distances, from the weights' file at hand."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ganqbench.metrics.checks import MetricError
from ganqbench.metrics.extractors import Extractor


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
INCEPTION_URL = (
    "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt"
)


class InceptionExtractor(Extractor):
    """Inception v3 as clean-fid uses it: Pillow bicubic to 299x299, pool features ``[N, 2048]``."""

    name = "inception"
    dim = 2048
    size = 299
    resizer = "pil-bicubic-299"

    def __init__(self, directory: Path, pin: Pin = INCEPTION) -> None:
        """Loads ``directory / "inception-2015-12-05.pt"``; raises MetricError if it is another file."""
        content = pin.read(directory)
        with warnings.catch_warnings():
            # TorchScript is deprecated, and the format that the network is published in.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            read: Any = torch.jit.load
            network = read(io.BytesIO(content), map_location="cpu").eval()
            # Freezing makes constants of the weights and folds batch norms into convolutions.
            freeze: Any = torch.jit.freeze
            self._layers = freeze(network.layers.eval().to(memory_format=torch.channels_last))
        self.head = network.state_dict().get("output.weight")
        self.weights = pin.sha256

    def _forward(self, images: Tensor) -> Tensor:
        inputs = ((images - 128) / 128).contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self._layers(inputs)).reshape(len(images), self.dim)
