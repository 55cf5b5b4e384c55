"""Makes the file of emoji that ships: `python -m ganqbench.train.pack_glyphs NPM_PACKAGE OUT`."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from ganqbench.train.emoji import Glyphs, read_glyphs, split_glyphs
from ganqbench.zoo.glyphs import PER_ROW, SIZE, Pixels


def pack(package: Path, out: Path) -> None:
    """Writes the three sheets, losslessly compressed.

    The halves keep one picture per base glyph, the held-out glyphs all their variants.
    """
    split = split_glyphs(read_glyphs(package))
    tensors, metadata = {}, {"source": "emoji-datasource-google@16.0.0 (Noto Emoji)", "licence": "Apache-2.0"}
    for name, glyphs in (("drawn", split.drawn), ("pictured", split.pictured), ("held_out", split.held_out)):
        order = _by_base(glyphs, variants=name == "held_out")
        tensors[name] = torch.frombuffer(bytearray(_compress(glyphs.images[order])), dtype=torch.uint8)
        metadata[f"{name}_bases"] = json.dumps([glyphs.bases[row] for row in order])
    metadata["fingerprint"] = split.fingerprint
    save_file(tensors, out, metadata)


def _by_base(glyphs: Glyphs, *, variants: bool) -> list[int]:
    """Rows of the first picture of each base glyph in the order of their hashes, then those of the rest."""
    first: dict[str, int] = {}
    for row, base in enumerate(glyphs.bases):
        first.setdefault(base, row)
    ranked = sorted(first, key=lambda base: hashlib.sha256(base.encode()).digest())
    chosen = [first[base] for base in ranked]
    rest = [row for row in range(len(glyphs.bases)) if row not in set(chosen)]
    return chosen + (rest if variants else [])


def _compress(images: Pixels) -> bytes:
    blank = np.full((-len(images) % PER_ROW, SIZE, SIZE, 3), 255, np.uint8)
    tiles = np.concatenate([images, blank]).reshape(-1, PER_ROW, SIZE, SIZE, 3)
    mosaic = tiles.transpose(0, 2, 1, 3, 4).reshape(-1, PER_ROW * SIZE, 3)
    buffer = io.BytesIO()
    Image.fromarray(mosaic).save(buffer, "webp", lossless=True, quality=100, method=6)
    return buffer.getvalue()


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
