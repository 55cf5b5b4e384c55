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
    "ff41851723d5a544fdd75203d0729b31831945d2849173b39f3ba620b71f1fb0",
    "drawing",
    ranked=True,
)
EMOJI2EDGES = CycleGANEmoji(
    "cyclegan-emoji2edges",
    "CycleGAN, emoji to edge drawings at 64 px",
    None,
    "9671a97ae39ba155a26385fc50d80534839c14c21be989d0a9d36ef675d153f6",
    "picture",
    ranked=False,
)
