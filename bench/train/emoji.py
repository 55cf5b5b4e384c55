"""Noto emoji as arrays, split by base glyph.

The pictures come out of the npm package ``emoji-datasource-google`` (``npm pack
emoji-datasource-google@16.0.0``), 64x64 PNG files with transparency, laid on white here. Its sister
``emoji-datasource-twitter`` has the same glyphs drawn by other hands (Twemoji). Variants of
one glyph (skin tone, gender, direction) are near copies: they always stay in one split.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganqbench.train.data import DataError, Pixels, opened_tar

Art = Literal["google", "twitter"]

HELD_OUT = 200
_SKIN_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
_MUTE = {"fe0f", "200d", "2640", "2642", "27a1"}  # selectors, joiner, gender signs, direction
_ADULTS = {"1f468": "1f9d1", "1f469": "1f9d1"}  # man and woman count as person


def base_glyph(name: str) -> str:
    """The base glyph of a picture's name (code points joined by ``-``), shared by its variants."""
    points = [_ADULTS.get(point, point) for point in name.lower().split("-")]
    kept = [point for point in points if point not in _SKIN_TONES and point not in _MUTE]
    return "-".join(kept) or name.lower()


@dataclass(frozen=True)
class Glyphs:
    """Pictures ``[N, 64, 64, 3]`` uint8 RGB on white, with their ``names`` and base glyphs."""

    images: Pixels
    names: tuple[str, ...]
    bases: tuple[str, ...]

    def select(self, keep: npt.NDArray[np.bool_]) -> Glyphs:
        """The pictures where ``keep`` ``[N]`` holds."""
        rows = np.flatnonzero(keep)
        names = tuple(self.names[i] for i in rows)
        return Glyphs(self.images[rows], names, tuple(self.bases[i] for i in rows))


@dataclass(frozen=True)
class EmojiSplit:
    """Training halves that share no base glyph with each other, and held-out glyphs.

    One half is only ever seen as drawings, the other only as pictures: the training is unpaired by
    construction.
    """

    drawn: Glyphs
    pictured: Glyphs
    held_out: Glyphs
    fingerprint: str


def mean_by_base(values: npt.NDArray[np.floating], bases: Sequence[str]) -> float:
    """Mean over base glyphs of the mean over their variants, so that every glyph weighs alike."""
    groups: dict[str, list[float]] = {}
    for base, value in zip(bases, values, strict=True):
        groups.setdefault(base, []).append(float(value))
    return float(np.mean([np.mean(group) for group in groups.values()]))


def read_glyphs(path: Path, art: Art = "google") -> Glyphs:
    """Reads all pictures of the npm package, a tar file or its unpacked folder, sorted by name."""
    folder = f"img/{art}/64/"
    rows = []
    for name, content in _files(path, folder):
        layer = Image.open(io.BytesIO(content)).convert("RGBA")
        paper = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        rows.append((name, np.asarray(Image.alpha_composite(paper, layer).convert("RGB"))))
    if not rows:
        raise DataError(f"{path} holds no {folder}*.png: give the npm package with --data")
    rows.sort(key=lambda row: row[0])
    names = tuple(name for name, _ in rows)
    return Glyphs(np.stack([p for _, p in rows]), names, tuple(base_glyph(n) for n in names))


def split_glyphs(glyphs: Glyphs, held_out: int = HELD_OUT) -> EmojiSplit:
    """Deals base glyphs by the hash of their name, so the split needs no seed and no list.

    The first ``held_out`` base glyphs are held out, the rest goes to the two halves in turn.
    """
    ranked = sorted(set(glyphs.bases), key=lambda base: hashlib.sha256(base.encode()).digest())
    if len(ranked) < held_out + 2:
        raise DataError(f"{len(ranked)} base glyphs are too few to hold out {held_out}")
    place = {base: rank for rank, base in enumerate(ranked)}
    ranks = np.array([place[base] for base in glyphs.bases])
    out = ranks < held_out
    even = ranks % 2 == 0
    digest = hashlib.sha256(glyphs.images.tobytes())
    digest.update("\n".join(glyphs.names).encode())
    return EmojiSplit(
        drawn=glyphs.select(~out & even),
        pictured=glyphs.select(~out & ~even),
        held_out=glyphs.select(out),
        fingerprint=digest.hexdigest(),
    )


def _files(path: Path, folder: str) -> Iterator[tuple[str, bytes]]:
    if path.is_file():
        with opened_tar(path) as archive:
            for member in archive:
                if member.isfile() and folder in member.name and member.name.endswith(".png"):
                    handle = archive.extractfile(member)
                    assert handle is not None  # a regular file always opens
                    yield Path(member.name).stem, handle.read()
    else:
        for file in path.rglob("*.png"):
            if folder in file.as_posix():
                yield file.stem, file.read_bytes()
