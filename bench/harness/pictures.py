"""Whether two previews show the same images."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from ganqbench.records.compare import Difference

PICTURE = 2.0
"""Mean absolute difference, of 255, that two previews of one cell may show: both may be lossy."""


def picture_differences(old: bytes, new: bytes) -> Iterator[Difference]:
    """What two previews show differently, beyond what another machine may change."""
    if old == new:
        return
    try:
        before, after = (_pixels(data) for data in (old, new))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        yield Difference("preview", f"no readable picture ({error})", None)
        return
    if before.shape != after.shape:
        yield Difference("preview", f"{before.shape}", f"{after.shape}")
        return
    apart = float(np.abs(before - after).mean())
    if apart > PICTURE:
        yield Difference("preview", 0.0, apart, PICTURE)


def _pixels(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
        if image.width > 4096 or image.height > 4096:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        return np.asarray(image.convert("RGB"), dtype=np.float64)
