"""The image file beside a record: the first evaluation items in one row."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ganqbench.records.canonical import sha256

ITEMS = 8


def write_preview(images: Tensor, path: Path, max_bytes: int) -> dict[str, Any]:
    """Write up to 8 uint8 images as one WebP row and return its description.

    Lossless when it fits into `max_bytes`, else at the highest quality that does.
    """
    shown = images[:ITEMS]
    row = np.concatenate(list(shown.permute(0, 2, 3, 1).numpy()), axis=1)
    data = _encode(Image.fromarray(row), max_bytes)
    path.write_bytes(data)
    return {"sha256": sha256(data), "items": len(shown), "width": row.shape[1], "height": row.shape[0]}


def _encode(image: Image.Image, max_bytes: int) -> bytes:
    settings: list[dict[str, Any]] = [{"lossless": True}]
    settings += [{"quality": quality} for quality in (98, 95, 92, 88, 84, 80, 70, 60, 50, 40, 30, 20, 10, 1)]
    for options in settings:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", method=6, **options)
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
    raise ValueError(f"{image.size} pixels don't fit into {max_bytes} bytes")
