"""What the full-precision generator gives, computed once per GAN and shared by its cells.

The cache can't be stale: a file's name is made of the baseline cell's resume key and of the hash of
its own content, and a file whose content does not have that hash is not used.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from ganqbench.records.canonical import sha256

Array = NDArray[Any]
_CHUNK = 1 << 26


@dataclass(frozen=True)
class Baselines:
    """Arrays of one baseline cell in a folder, by name; `key` is that cell's resume key."""

    folder: Path
    key: str

    def array(self, name: str, fill: Callable[[Path], None]) -> Array:
        """The array `name`, memory-mapped read-only.

        Whichever process comes first lets `fill` write the `.npy` file; the others wait for it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = sha256(f"{self.key} {name}".encode()).removeprefix("sha256:")
        # A lock that its holder's death releases, so that a killed run blocks nobody.
        with FileLock(self.folder / f"{stem}.lock"):
            for path in sorted(self.folder.glob(f"{stem}-*.npy")):
                array = _load(path)
                if array is not None and path.name == _name(stem, array):
                    return array
                path.unlink()
            temporary = self.folder / f"{stem}.tmp"
            fill(temporary)
            filled = _load(temporary)
            if filled is None:
                raise OSError(f"{temporary} was not written")
            path = self.folder / _name(stem, filled)
            os.replace(temporary, path)
            return filled


def array_hash(array: Array) -> str:
    """Hash of an array's type, shape and content."""
    digest = new_sha256(f"{array.dtype.str} {array.shape}".encode())
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    for start in range(0, flat.size, _CHUNK):
        digest.update(flat[start : start + _CHUNK].data)
        release(array)
    return f"sha256:{digest.hexdigest()}"


def release(array: Array) -> None:
    """Let go of the pages of a mapped array that were touched: its file keeps them, this process need not.

    What was read or written of a mapping counts as the process's memory, and images grow with their
    number. Other arrays are left as they are.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _name(stem: str, array: Array) -> str:
    return f"{stem}-{array_hash(array).removeprefix('sha256:')[:32]}.npy"


def _load(path: Path) -> Array | None:
    try:
        loaded: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return loaded
