"""The official CycleGAN generators between horses and zebras.

Their test photographs belong to ImageNet and ship in no package, so the inputs are those of
`cyclegan-vintagify`; paired fidelity needs no horses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganqbench.zoo.convert import State
from ganqbench.zoo.download import Download
from ganqbench.zoo.from_junyanz import convert
from ganqbench.zoo.generator import Generator, InputSource, Split
from ganqbench.zoo.official_entry import OfficialEntry
from ganqbench.zoo.photographs import DISTRIBUTIONS, Photographs

_BASE = "http://efrosgans.eecs.berkeley.edu/cyclegan/pretrained_models"


class CycleGANEntry(OfficialEntry):
    """ResNet-9-block generator at 256 px."""

    arch = "cyclegan-resnet"
    licence = "BSD-2-Clause"
    requires = DISTRIBUTIONS

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Crops of real photographs, [n, 3, resolution, resolution] in [-1, 1]."""
        return Photographs(split, self.resolution if resolution is None else resolution)

    def _build(self, state: State, kwargs: Mapping[str, Any]) -> Generator:
        return convert(state, {**kwargs, "input_nc": 3, "output_nc": 3, "n_blocks": 9})


HORSE2ZEBRA = CycleGANEntry(
    "cyclegan-horse2zebra",
    "CycleGAN, horse to zebra",
    256,
    Download("cyclegan-horse2zebra.pth", f"{_BASE}/horse2zebra.pth"),
)
ZEBRA2HORSE = CycleGANEntry(
    "cyclegan-zebra2horse",
    "CycleGAN, zebra to horse",
    256,
    Download("cyclegan-zebra2horse.pth", f"{_BASE}/zebra2horse.pth"),
)
