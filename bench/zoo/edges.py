"""Edge drawings of pictures: the inputs of the edges-to-emoji CycleGAN.

Integer arithmetic up to one correctly rounded square root, so every machine draws the same pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

# Gradient lengths (0 is flat, about 441 a full black-white step) where ink begins and is full.
_FAINT = 24.0
_FULL = 72.0


def edge_drawing(images: Pixels) -> Pixels:
    """Black lines on white where colours change.

    A binomial 3x3 blur, central differences per colour channel, the length of the gradient over both
    directions and all channels, and a linear ramp from no ink to full ink.

    Args:
        images: ``[N, H, W, 3]`` uint8 RGB.

    Returns:
        ``[N, H, W]`` uint8, 255 for paper and 0 for ink.
    """
    padded = np.pad(images.astype(np.int64), ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    # [1 2 1] both ways: sixteen times the blurred picture, one pixel of padding used up.
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    blurred = rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]
    down = blurred[:, 2:, 1:-1] - blurred[:, :-2, 1:-1]
    right = blurred[:, 1:-1, 2:] - blurred[:, 1:-1, :-2]
    squared = (down**2 + right**2).sum(axis=-1)
    # 16 of the blur and 2 of the central difference.
    length = np.sqrt(squared.astype(np.float64)) / 32
    ink = np.clip((length - _FAINT) / (_FULL - _FAINT), 0, 1)
    drawing: Pixels = (255 - np.rint(255 * ink)).astype(np.uint8)
    return drawing
