"""`stylegan2-cifar10`: a small class-conditional StyleGAN2 that ships with the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganqbench.zoo.generator import Generator, InputSource, Split
from ganqbench.zoo.latents import Latents
from ganqbench.zoo.stylegan2 import StyleGAN2
from ganqbench.zoo.trained_entry import TrainedEntry


class StyleGAN2Cifar10(TrainedEntry):
    """Latents of 128 numbers and one of 10 classes to images of 32 pixels."""

    arch = "stylegan2-ada"

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Latents [n, 128] and one-hot classes [n, 10]."""
        self._only_resolution(resolution)
        return Latents(split, 128, 10, one_hot=True)

    def _build(self, arguments: Mapping[str, Any]) -> Generator:
        return StyleGAN2(**arguments)


ENTRY = StyleGAN2Cifar10(
    "stylegan2-cifar10",
    "StyleGAN2, CIFAR-10 at 32 px",
    32,
    "cifar10",
    "e377bc169948c0abd6e5e3678b5bf02ecdc345f0efa40ed48062c191fdfd668f",
)
