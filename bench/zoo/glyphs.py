"""Emoji that ship with the package: pictures, and drawings made of them, split by base glyph.

The pictures are Noto Emoji (Google, Apache-2.0) at 64 pixels on white. Training saw one half of the
base glyphs as drawings only, the other as pictures only; `final` are glyphs that no training saw.

Two hundred held-out base glyphs are few for a distance, so drawings of Twemoji (CC-BY 4.0) follow in
`final`: of the held-out base glyphs, and of those that training saw as Noto's pictures, never as drawings.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load as load_safetensors

from ganqbench.errors import UserError, unknown_name
from ganqbench.zoo.edges import edge_drawing
from ganqbench.zoo.files import checked, safetensors_metadata
from ganqbench.zoo.generator import Inputs, InputSource, Split

Kind = Literal["drawing", "picture"]
Pixels = NDArray[np.uint8]

FILE = "emoji-glyphs.safetensors"
SHA256 = "7fa16843c8be946c1b17bd14a6d79a994bfb7c804311fdb08098a7a4d4ac277b"
TWEMOJI_FILE = "twemoji-drawings.safetensors"
TWEMOJI_SHA256 = "32f66ebe524158f681071aaca026d6270906fadfdd9a15ed5904527dfa62e9e9"
SIZE = 64
PER_ROW = 16
_HALF = {"drawing": "drawn", "picture": "pictured"}
# Places among a half's base glyphs. Their order is that of a hash, so any range is a random sample.
_RANGES: dict[Split, slice] = {
    "calibrate": slice(0, 128),
    "choose": slice(128, 192),
    "train": slice(192, None),
    "final": slice(0, None),
}


@dataclass(frozen=True)
class Sheet:
    """Pictures [N, 64, 64, 3] with their base glyphs (code points joined by `-`)."""

    images: Pixels
    bases: tuple[str, ...]


def read_sheet(content: bytes, name: str) -> Sheet:
    """A sheet of a file's content: `drawn`, `pictured`, `held_out` of Noto, `drawings` of Twemoji."""
    metadata = safetensors_metadata(content)
    mosaic = bytes(load_safetensors(content)[name].numpy())
    with Image.open(io.BytesIO(mosaic)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    bases = tuple(json.loads(metadata[f"{name}_bases"]))
    rows = pixels.shape[0] // SIZE
    tiles = pixels.reshape(rows, SIZE, PER_ROW, SIZE, 3).transpose(0, 2, 1, 3, 4)
    return Sheet(tiles.reshape(-1, SIZE, SIZE, 3)[: len(bases)], bases)


class Glyphs(InputSource):
    """Drawings (gray) or pictures of emoji, [n, 3, 64, 64] float32 in [-1, 1].

    After all glyphs of a split come their mirror images, which is where it ends. In `final` the
    first 200 items are Noto's 200 held-out base glyphs, then come their variants, then, among
    drawings, Twemoji's base glyphs.

    `noto` is the number of Noto's items, without mirror images: those have a true counterpart.
    """

    def __init__(self, split: Split, kind: Kind) -> None:
        if split not in _RANGES:
            raise unknown_name("split", split, _RANGES)
        content = checked(files("ganqbench.weights").joinpath(FILE).read_bytes(), SHA256, FILE)
        sheet = read_sheet(content, "held_out" if split == "final" else _HALF[kind])
        images, bases = sheet.images[_RANGES[split]], sheet.bases[_RANGES[split]]
        self.identity = f"glyphs-v2:{SHA256}:{split}:{kind}"
        self.noto = len(bases)
        if kind == "drawing":
            images = np.repeat(edge_drawing(images)[..., None], 3, axis=3)
            if split == "final":
                content = files("ganqbench.weights").joinpath(TWEMOJI_FILE).read_bytes()
                twemoji = read_sheet(checked(content, TWEMOJI_SHA256, TWEMOJI_FILE), "drawings")
                images, bases = np.concatenate([images, twemoji.images]), bases + twemoji.bases
                self.identity += f":{TWEMOJI_SHA256}"
        self._images = np.concatenate([images, images[:, :, ::-1]])
        self._bases = bases * 2

    def __len__(self) -> int:
        """Number of items."""
        return len(self._bases)

    def batch(self, indices: Sequence[int]) -> Inputs:
        """One tensor [len(indices), 3, 64, 64]; UserError beyond the last item."""
        if any(index >= len(self) for index in indices):
            raise UserError(
                f"This split has {len(self)} emoji, and item {max(indices)} was asked for.",
                f"Ask for at most {len(self)} items.",
            )
        pixels = torch.from_numpy(self._images[list(indices)]).permute(0, 3, 1, 2).contiguous()
        return (pixels.float() / 127.5 - 1,)

    def cluster(self, index: int) -> str:
        """The base glyph, which an item shares with its mirror image, its variants and its other drawing."""
        return self._bases[index]
