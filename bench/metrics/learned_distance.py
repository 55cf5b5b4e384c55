"""LPIPS, where the package lpips and the weights of its backbone are at hand.

Zhang, Isola, Efros, Shechtman and Wang, "The unreasonable effectiveness of deep features as a perceptual
metric" (2018). The package ships the learned linear layers, version 0.1; AlexNet is torchvision's file.
Where it is not at hand, `EmbeddedExtractor.perceptual` gives a distance of another name.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ganqbench.metrics.checks import Float64, MetricError, uint8_images
from ganqbench.metrics.extractor_registry import ALEXNET
from ganqbench.metrics.extractors import padded
from ganqbench.metrics.metric_identity import MetricIdentity
from ganqbench.metrics.weights_file import read_state

ALEXNET_URL = f"https://download.pytorch.org/models/{ALEXNET}"


class Lpips:
    """LPIPS with AlexNet of pairs of images at their own size."""

    name = "lpips-alex-0.1"
    batch = 32

    def __init__(self, directory: Path, sha256: str = "7be5be79") -> None:
        """Loads AlexNet's file in ``directory``, whose SHA-256 begins with ``sha256`` (as in its name).

        Raises MetricError if it or the package is missing, or if it is another file.
        """
        try:
            import lpips
        except ImportError as error:
            raise MetricError("LPIPS needs lpips: pip install ganqbench[extractors]") from error
        path = directory / ALEXNET
        state, self.weights = read_state(path, ALEXNET_URL)
        if not self.weights.startswith(sha256):
            raise MetricError(
                f"{path} is not the published file: its SHA-256 is {self.weights}; get it from {ALEXNET_URL}"
            )
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it calls torchvision in a way of the past
            network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
        try:
            with torch.no_grad():
                for name, parameter in network.net.named_parameters():
                    parameter.copy_(state[f"features.{name.split('.', 1)[1]}"])
        except (KeyError, RuntimeError) as error:
            raise MetricError(
                f"{path} holds other weights than AlexNet's; get it from {ALEXNET_URL}"
            ) from error
        self._network: Any = network

    def perceptual(self, reference: Any, candidate: Any) -> Float64:
        """LPIPS per image ``[N]`` (>= 0) between images ``[N, 3, H, W]`` uint8 of 32 pixels or more."""
        first = uint8_images("reference", reference)
        second = uint8_images("candidate", candidate)
        if first.shape != second.shape:
            raise MetricError(f"images {list(first.shape)} and {list(second.shape)} are not paired")
        if min(first.shape[2:]) < 32:
            raise MetricError(
                f"LPIPS needs images of at least 32 pixels, not {first.shape[2]}x{first.shape[3]}"
            )
        pairs = torch.from_numpy(np.stack([first, second], axis=1))
        with torch.inference_mode():
            result = padded(self._distance, self.batch, pairs)
        return np.array(result.reshape(-1).double().numpy())

    def identity(self, n: int) -> MetricIdentity:
        """What such distances are distances of."""
        return MetricIdentity("lpips", self.name, self.weights, "none", n, "fp32")

    def _distance(self, pairs: Tensor) -> Tensor:
        scaled = pairs / 127.5 - 1
        return cast(Tensor, self._network(scaled[:, 0], scaled[:, 1])).reshape(len(pairs))
