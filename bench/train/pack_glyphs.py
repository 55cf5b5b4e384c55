"""Makes the two files of emoji that ship: `python -m ganqbench.train.pack_glyphs NOTO TWEMOJI OUT`.

NOTO and TWEMOJI are the npm packages `emoji-datasource-google` and `-twitter`, OUT is a folder.
"""

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
from ganqbench.zoo.edges import edge_drawing
from ganqbench.zoo.glyphs import FILE, PER_ROW, SIZE, TWEMOJI_FILE, Pixels


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


def pack_drawings(noto: Path, twemoji: Path, out: Path) -> None:
    """Writes drawings of Twemoji, one of each base glyph that is nowhere an input of training or calibration.

    Those are the held-out base glyphs and the half that training saw as pictures only. Drawings alone
    are stored: nothing else of Twemoji is needed.
    """
    split = split_glyphs(read_glyphs(noto))
    unseen = {*split.held_out.bases, *split.pictured.bases}
    glyphs = read_glyphs(twemoji, "twitter")
    glyphs = glyphs.select(np.array([base in unseen for base in glyphs.bases]))
    order = _by_base(glyphs, variants=False)
    drawn = np.repeat(edge_drawing(glyphs.images[order])[..., None], 3, axis=3)
    metadata = {
        "source": "emoji-datasource-twitter@16.0.0 (edge drawings made of Twemoji)",
        "licence": "CC-BY-4.0, Twemoji by Twitter, Inc and other contributors",
        "drawings_bases": json.dumps([glyphs.bases[row] for row in order]),
    }
    mosaic = torch.frombuffer(bytearray(_compress(drawn)), dtype=torch.uint8)
    save_file({"drawings": mosaic}, out, metadata)


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
    noto_package, twemoji_package, folder = (Path(argument) for argument in sys.argv[1:])
    pack(noto_package, folder / FILE)
    pack_drawings(noto_package, twemoji_package, folder / TWEMOJI_FILE)
