"""Sample sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor


def save_grid(images: Tensor, columns: int, path: Path, scale: int = 1) -> None:
    """Writes ``[N, 3, H, W]`` images in [-1, 1] as one PNG, row by row, enlarged ``scale`` times."""
    pixels = ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).byte()
    array = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    n, height, width, _ = array.shape
    rows = -(-n // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, dtype=np.uint8)
    for i, image in enumerate(array):
        top, left = i // columns * height, i % columns * width
        sheet[top : top + height, left : left + width] = image
    picture = Image.fromarray(sheet)
    if scale != 1:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
