"""Real photographs that ship inside PyPI distributions, as seeded crops.

Item i of a split is a window of photograph i modulo the number of photographs, at a place that
depends on the split, the size and i alone. Pixels are never resized or filtered, so the same
item is the same numbers on every machine (up to the JPEG decoder in Pillow).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ganqbench.errors import UserError, unknown_name
from ganqbench.zoo.files import package_file, pinned_bytes
from ganqbench.zoo.generator import Inputs, InputSource, Split

DISTRIBUTIONS = ("scikit-image", "scikit-learn", "matplotlib")
_SMALLEST = 8  # CycleGAN pads a quarter of this by reflection, which needs two pixels.
_RULE = "window at sha256(split, size, i), v1"


@dataclass(frozen=True)
class Photograph:
    """A file of an installed distribution, with its size in pixels and its SHA-256."""

    name: str
    width: int
    height: int
    sha256: str
    package: str = "skimage"
    folder: str = "data"
    distribution: str = "scikit-image"
    suffix: str = "png"

    def decode(self) -> NDArray[np.uint8]:
        """The pixels, height x width x 3, gray ones replicated; UserError if absent or altered."""
        path = package_file(self.package, f"{self.folder}/{self.name}.{self.suffix}", self.distribution)
        remedy = "Install a release that ships the original: pip install 'ganqbench[vintagify]'."
        content = pinned_bytes(path, self.sha256, remedy)
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))


def _sklearn(name: str, width: int, height: int, sha256: str) -> Photograph:
    return Photograph(name, width, height, sha256, "sklearn", "datasets/images", "scikit-learn", "jpg")


def _jpg(name: str, width: int, height: int, sha256: str) -> Photograph:
    return Photograph(name, width, height, sha256, suffix="jpg")


PHOTOGRAPHS: dict[Split, tuple[Photograph, ...]] = {
    "train": (
        Photograph("grass", 512, 512, "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89"),
        Photograph("gravel", 512, 512, "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12"),
        Photograph("moon", 512, 512, "78739619d11f7eb9c165bb5d2efd4772cee557812ec847532dbb1d92ef71f577"),
        Photograph("cell", 550, 660, "8d23a7fb81f7cc877cd09f330357fc7f595651306e84e17252f6e0a1b3f61515"),
    ),
    "calibrate": (
        Photograph("coffee", 600, 400, "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
        _sklearn("flower", 640, 427, "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638"),
        _jpg("rocket", 640, 427, "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
        Photograph(
            "motorcycle_left", 741, 500, "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179"
        ),
    ),
    "choose": (
        Photograph("coins", 384, 303, "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba"),
        Photograph("ihc", 512, 512, "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef"),
    ),
    "final": (
        Photograph("astronaut", 512, 512, "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
        Photograph("chelsea", 451, 300, "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
        _sklearn("china", 640, 427, "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"),
        Photograph(
            "grace_hopper",
            512,
            600,
            "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
            "matplotlib",
            "mpl-data/sample_data",
            "matplotlib",
            "jpg",
        ),
        Photograph("camera", 512, 512, "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a"),
        _jpg("retina", 1411, 1411, "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6"),
        _jpg(
            "hubble_deep_field", 1000, 872, "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4"
        ),
        Photograph("brick", 512, 512, "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf"),
    ),
}


class Photographs(InputSource):
    """Square crops of one split's photographs, [n, 3, resolution, resolution] float32 in [-1, 1]."""

    def __init__(self, split: Split, resolution: int) -> None:
        if split not in PHOTOGRAPHS:
            raise unknown_name("split", split, PHOTOGRAPHS)
        self._photographs = PHOTOGRAPHS[split]
        largest = min(min(photo.width, photo.height) for photo in self._photographs) // 4 * 4
        if resolution % 4 or not _SMALLEST <= resolution <= largest:
            raise UserError(
                f"Photographs of split {split!r} can't be cropped to {resolution} px for a CycleGAN.",
                f"Take a multiple of 4 from {_SMALLEST} to {largest}.",
            )
        self._split = split
        self._resolution = resolution
        self._decoded: dict[str, NDArray[np.uint8]] = {}
        described = [_RULE, split, str(resolution), *(photo.sha256 for photo in self._photographs)]
        self.identity = "photographs:" + hashlib.sha256("\n".join(described).encode()).hexdigest()

    def batch(self, indices: Sequence[int]) -> Inputs:
        """The crops of these items, one float32 tensor [len(indices), 3, resolution, resolution]."""
        crops = np.stack([self._crop(index) for index in indices])
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous()
        return (pixels.float() / 127.5 - 1,)

    def cluster(self, index: int) -> str:
        """Name of the photograph that item `index` is a part of."""
        return self._photograph(index).name

    def _photograph(self, index: int) -> Photograph:
        return self._photographs[index % len(self._photographs)]

    def _crop(self, index: int) -> NDArray[np.uint8]:
        photo = self._photograph(index)
        if photo.name not in self._decoded:
            self._decoded[photo.name] = photo.decode()
        pixels = self._decoded[photo.name]
        # A hash, not a library's generator: its stream must not change with a release of NumPy.
        drawn = hashlib.sha256(f"{self._split}:{self._resolution}:{index}".encode()).digest()
        size = self._resolution
        top = int.from_bytes(drawn[:8], "big") % (pixels.shape[0] - size + 1)
        left = int.from_bytes(drawn[8:16], "big") % (pixels.shape[1] - size + 1)
        return pixels[top : top + size, left : left + size]
