"""Antialiased bicubic resizing that agrees with Pillow's, as two matrix products.

Parmar, Zhang and Zhu, "On aliased resizing and surprising subtleties in GAN evaluation" (2022): a
distance depends on the resizer, and Pillow's float bicubic is the one to use.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor


@lru_cache(maxsize=32)
def resize_matrix(source: int, target: int) -> Tensor:
    """Weights ``[target, source]`` float32 that map a line of pixels to the new length.

    Pillow itself gives them: it resizes the columns of an identity matrix.
    """
    if source == target:
        return torch.eye(source)
    impulses = Image.fromarray(np.eye(source, dtype=np.float32))
    resized = impulses.resize((source, target), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized, dtype=np.float32))


def resize(images: Tensor, size: int) -> Tensor:
    """Images ``[N, C, H, W]`` float32 to ``[N, C, size, size]``; the same size comes back as it is.

    Overshoot past the input's range is kept, as in clean-fid. Each image is resized by itself, so its
    bits don't depend on the batch it comes in.
    """
    height, width = images.shape[2:]
    if (height, width) == (size, size) or not len(images):
        return images
    rows, columns = resize_matrix(height, size), resize_matrix(width, size).T
    return torch.stack([rows @ image @ columns for image in images])
