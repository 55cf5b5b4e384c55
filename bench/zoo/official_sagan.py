"""PyTorch-StudioGAN's SAGAN on ImageNet at 128 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganqbench.errors import UserError
from ganqbench.zoo.convert import State
from ganqbench.zoo.download import Download
from ganqbench.zoo.from_studiogan import convert
from ganqbench.zoo.generator import Generator, InputSource, Split
from ganqbench.zoo.latents import Latents
from ganqbench.zoo.official_entry import OfficialEntry

_RUN = "ImageNet_tailored/ImageNet-SAGAN-256-train-2022_03_12_17_11_43"


class SaganEntry(OfficialEntry):
    """Latents of 128 numbers and one of 1000 classes to images."""

    arch = "studiogan-sagan"
    licence = "MIT"

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Latents [n, 128] and class numbers [n]; the model has one resolution."""
        if resolution not in (None, self.resolution):
            raise UserError(
                f"{self.name} makes images of {self.resolution} pixels, not {resolution}.",
                f"Set the resolution to {self.resolution}.",
            )
        return Latents(split, 128, 1000)

    def _build(self, state: State, kwargs: Mapping[str, Any]) -> Generator:
        return convert(state, {**kwargs, "z_dim": 128, "num_classes": 1000, "img_size": self.resolution})


IMAGENET128 = SaganEntry(
    "sagan-imagenet128",
    "SAGAN, ImageNet at 128 px",
    128,
    Download(
        "sagan-imagenet128.pth",
        "https://huggingface.co/Mingguksky/PyTorch-StudioGAN/resolve/main/studiogan_official_ckpt/"
        f"{_RUN}/model%3DG-best-weights-step%3D120000.pth",
        "d257470370a8e1fad6b7b9629a902dcd6e8c0b0a2cb3f7341035615f7874ed15",
    ),
    "imagenet128",
)
