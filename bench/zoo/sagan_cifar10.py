"""`sagan-cifar10`: a small class-conditional SAGAN that ships with the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganqbench.zoo.generator import Generator, InputSource, Split
from ganqbench.zoo.latents import Latents
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.trained_entry import TrainedEntry


class SaganCifar10(TrainedEntry):
    """Latents of 128 numbers and one of 10 classes to images of 32 pixels."""

    arch = "studiogan-sagan"

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Latents [n, 128] and class numbers [n]."""
        self._only_resolution(resolution)
        return Latents(split, 128, 10)

    def _build(self, arguments: Mapping[str, Any]) -> Generator:
        return SAGAN(**arguments)


ENTRY = SaganCifar10(
    "sagan-cifar10",
    "SAGAN, CIFAR-10 at 32 px",
    32,
    "cifar10",
    "5adc02aac4e489cb262e108a92a1e0d3121ea9f99ca50a32d25d31b4c7957844",
)
