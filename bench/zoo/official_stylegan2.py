"""StyleGAN2-ADA's official generators: FFHQ at 256 and 1024 pixels, CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganqbench.errors import UserError
from ganqbench.zoo.convert import State
from ganqbench.zoo.download import Download
from ganqbench.zoo.from_stylegan2 import convert
from ganqbench.zoo.generator import Generator, InputSource, Split
from ganqbench.zoo.latents import Latents
from ganqbench.zoo.official_entry import OfficialEntry

_BASE = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained"


class StyleGAN2Entry(OfficialEntry):
    """Latents of 512 numbers, perhaps with classes, to images."""

    arch = "stylegan2-ada"
    licence = "NVIDIA Source Code License (non-commercial)"

    def __init__(
        self, name: str, title: str, resolution: int, download: Download, domain: str, classes: int = 0
    ) -> None:
        super().__init__(name, title, resolution, download, domain)
        self.classes = classes

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Latents [n, 512] and, with classes, one-hot rows; the model has one resolution."""
        if resolution not in (None, self.resolution):
            raise UserError(
                f"{self.name} makes images of {self.resolution} pixels, not {resolution}.",
                f"Set the resolution to {self.resolution}.",
            )
        return Latents(split, 512, self.classes, one_hot=True)

    def _build(self, state: State, kwargs: Mapping[str, Any]) -> Generator:
        return convert(
            state, {**kwargs, "z_dim": 512, "c_dim": self.classes, "img_resolution": self.resolution}
        )


FFHQ256 = StyleGAN2Entry(
    "stylegan2-ffhq256",
    "StyleGAN2, faces (FFHQ) at 256 px",
    256,
    Download(
        "stylegan2-ffhq256.pkl",
        f"{_BASE}/transfer-learning-source-nets/ffhq-res256-mirror-paper256-noaug.pkl",
    ),
    "ffhq256",
)
FFHQ1024 = StyleGAN2Entry(
    "stylegan2-ffhq1024",
    "StyleGAN2, faces (FFHQ) at 1024 px",
    1024,
    Download("stylegan2-ffhq1024.pkl", f"{_BASE}/ffhq.pkl"),
    "ffhq1024",
)
ADA_CIFAR10 = StyleGAN2Entry(
    "stylegan2-ada-cifar10",
    "StyleGAN2-ADA, CIFAR-10",
    32,
    Download(
        "stylegan2-ada-cifar10.pkl",
        f"{_BASE}/cifar10.pkl",
        "f8952c74e23da2186d147ad871c48780bd59500ee37c301201081ee8e0cb32f1",
    ),
    "cifar10",
    classes=10,
)
