"""`cyclegan-edges2emoji` and back: small CycleGANs that ship with the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, InputSource, Split
from ganqbench.zoo.glyphs import Glyphs, Kind
from ganqbench.zoo.trained_entry import TrainedEntry


class CycleGANEmoji(TrainedEntry):
    """Drawings to pictures of emoji, or pictures to drawings, at 64 pixels."""

    arch = "cyclegan-resnet"

    def __init__(
        self, name: str, title: str, domain: str | None, sha256: str, kind: Kind, *, ranked: bool
    ) -> None:
        super().__init__(name, title, 64, domain, sha256, ranked=ranked)
        self._kind = kind

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """What this direction translates, [n, 3, 64, 64] in [-1, 1]."""
        self._only_resolution(resolution)
        return Glyphs(split, self._kind)

    def _build(self, arguments: Mapping[str, Any]) -> Generator:
        return ResnetGenerator(**arguments)


EDGES2EMOJI = CycleGANEmoji(
    "cyclegan-edges2emoji",
    "CycleGAN, edge drawings to emoji at 64 px",
    "emoji",
    "34260ba7dd489fb18c5fcbcaa48a1cefca6341a2c4802db9ee055ad80b806dd9",
    "drawing",
    ranked=True,
)
EMOJI2EDGES = CycleGANEmoji(
    "cyclegan-emoji2edges",
    "CycleGAN, emoji to edge drawings at 64 px",
    None,
    "a01352adcfe63267b3a6a7d0592d18fb61dbefb0c6f8cdb98656df37a03ef71c",
    "picture",
    ranked=False,
)
