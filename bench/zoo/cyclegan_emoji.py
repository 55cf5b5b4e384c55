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
    "99b689f8246e9a72a82e5dceee2ee99181b705b8b61a2a59bec87da56c20d3c8",
    "drawing",
    ranked=True,
)
EMOJI2EDGES = CycleGANEmoji(
    "cyclegan-emoji2edges",
    "CycleGAN, emoji to edge drawings at 64 px",
    None,
    "27df1512f28f88465387816c786d6eaee21de558d8bec33db9d2a1b5c6135390",
    "picture",
    ranked=False,
)
