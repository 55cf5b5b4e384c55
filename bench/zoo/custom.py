"""A user's own checkpoint as a zoo entry, for architectures that `from_official` knows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ganqbench.errors import UserError
from ganqbench.zoo.checkpoint import read_official
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, InputSource, Split, ZooEntry
from ganqbench.zoo.latents import Latents
from ganqbench.zoo.official import ARCHITECTURES, from_official
from ganqbench.zoo.photographs import DISTRIBUTIONS, Photographs
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.stylegan2 import StyleGAN2

_SMALLEST = 11  # SSIM's window


class CheckpointEntry(ZooEntry):
    """The generator in `path`; its name is made of the file's hash, so two files never share results.

    `arch` and `kwargs` are for files that don't tell them; what the file says itself must agree.
    Raises UserError as `read_official` and `from_official` do.
    """

    licence = "unknown"

    def __init__(
        self, path: str | Path, arch: str | None = None, kwargs: Mapping[str, Any] | None = None
    ) -> None:
        checkpoint = read_official(path)
        if arch is not None and arch in ARCHITECTURES and arch != checkpoint.arch:
            raise UserError(
                f"{path} holds a {checkpoint.arch} and not a {arch}.",
                f"Name that architecture, or pass a checkpoint of a {arch}.",
            )
        arguments = {**checkpoint.kwargs, **(kwargs or {})}
        ours = sorted(arguments.keys() & {"arch", "state_dict"})
        if ours:
            raise UserError(
                f"{path} says that its constructor takes {ours[0]!r}, which no architecture's does.",
                "Store the official constructor's arguments alone.",
            )
        self._generator = from_official(arch or checkpoint.arch, checkpoint.state_dict, **arguments)
        with Path(path).open("rb") as file:
            self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self.arch = checkpoint.arch
        self.name = f"{self.arch}-{self._sha256[:12]}"
        self.title = f"{Path(path).name} ({self.arch})"
        self.resolution = _resolution(self._generator)
        _measurable(self._generator, self.title, self.resolution)
        if isinstance(self._generator, ResnetGenerator):
            self.requires = DISTRIBUTIONS

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the checkpoint file."""
        return self._sha256

    def load(self) -> Generator:
        """The generator, the same object at every call."""
        return self._generator

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Latents and classes as the generator takes them, or photographs for a CycleGAN."""
        generator = self._generator
        if isinstance(generator, ResnetGenerator):
            return Photographs(split, resolution or self.resolution)
        if resolution not in (None, self.resolution):
            raise UserError(
                f"{self.title} makes images of {self.resolution} pixels, not {resolution}.",
                f"Set the resolution to {self.resolution}.",
            )
        if isinstance(generator, StyleGAN2):
            return Latents(split, generator.z_dim, generator.c_dim, one_hot=True)
        assert isinstance(generator, SAGAN)
        return Latents(split, generator.z_dim, generator.classes)


def _measurable(generator: Generator, title: str, resolution: int) -> None:
    """UserError for images that metrics can't take: without three colours, or too small."""
    if isinstance(generator, ResnetGenerator):
        first, *_, last = (layer for layer in generator.model if isinstance(layer, nn.Conv2d))
        channels = {first.in_channels, last.out_channels}
    else:
        channels = {generator.image_channels} if isinstance(generator, StyleGAN2) else {3}
    if channels != {3}:
        raise UserError(
            f"{title} works on images of {' and '.join(map(str, sorted(channels)))} channels.",
            "Images of 3 channels, red, green and blue, can be measured.",
        )
    if resolution < _SMALLEST:
        raise UserError(
            f"{title} makes images of {resolution} pixels.",
            f"Images from {_SMALLEST} pixels on can be measured.",
        )


def _resolution(generator: Generator) -> int:
    """Pixels of the images; those that CycleGANs are trained at, which fit any multiple of 4."""
    if isinstance(generator, StyleGAN2 | SAGAN):
        return generator.resolution
    return 256
