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
    "6abbde9ae696dbc617f96fe5948b07afe95772f9bfd49a3b9254057ddeed633f",
    "drawing",
    ranked=True,
)
EMOJI2EDGES = CycleGANEmoji(
    "cyclegan-emoji2edges",
    "CycleGAN, emoji to edge drawings at 64 px",
    None,
    "2dfd011487625e51b392cc7422b65646c027276fab98e475cc514499ba762c6f",
    "picture",
    ranked=False,
)
