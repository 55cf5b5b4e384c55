"""Full-precision images, computed once per GAN and shared by its cells.

The cache can't be stale: a file's name is the baseline cell's resume key and the hash of its own
content, and a file whose content does not have that hash is not used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from ganqbench.records.canonical import sha256


def images_hash(images: Tensor) -> str:
    """Hash of uint8 images and their shape."""
    header = "x".join(str(size) for size in images.shape).encode()
    return sha256(header + b"\0" + images.contiguous().numpy().tobytes())


def cached(folder: Path, key: str, compute: Callable[[], Tensor]) -> Tensor:
    """The images under `key`, computed by whichever process comes first; the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = key.removeprefix("sha256:")
    # A lock that its holder's death releases, so that a killed run blocks nobody.
    with FileLock(folder / f"{stem}.lock"):
        for path in sorted(folder.glob(f"{stem}-*.npy")):
            images = _load(path)
            if images is not None and f"{stem}-{_short(images)}.npy" == path.name:
                return images
            path.unlink()
        images = compute()
        temporary = folder / f"{stem}.tmp"
        with temporary.open("wb") as file:
            np.save(file, images.numpy(), allow_pickle=False)
        os.replace(temporary, folder / f"{stem}-{_short(images)}.npy")
        return images


def _short(images: Tensor) -> str:
    return images_hash(images).removeprefix("sha256:")


def _load(path: Path) -> Tensor | None:
    try:
        return torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None
