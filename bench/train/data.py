"""CIFAR-10 as arrays, from either of the two sources a user can have.

The *source* is part of a data set's identity: ``cifar10`` is the lossless set that torchvision
downloads, ``cifar10-jpeg`` is a folder (or tar file) of JPEG files, whose compression is visible to
a classifier. Features, statistics and weights made from one must never be compared with the other
without saying so.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganqbench.whole_file import whole_file

Source = Literal["cifar10", "cifar10-jpeg"]
Split = Literal["train", "test"]
Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

# Alphabetical, which is also the label order of the original binary files.
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_SUFFIXES = (".jpg", ".jpeg", ".png")
_SIZE = (32, 32)


class DataError(ValueError):
    """The images given are not a CIFAR-10 that can be read."""


@dataclass(frozen=True)
class ImageSet:
    """Labelled images of one split.

    ``images`` is ``[N, H, W, 3]`` uint8 RGB, ``labels`` is ``[N]`` int64 into :data:`CLASSES`, and
    ``source`` names where the pixels came from.
    """

    images: Pixels
    labels: Labels
    source: Source

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Cifar10:
    """Both splits of one source; ``fingerprint`` is a SHA-256 over pixels and labels."""

    train: ImageSet
    test: ImageSet
    fingerprint: str


def load_cifar10(path: Path, source: Source = "cifar10-jpeg", cache: Path | None = None) -> Cifar10:
    """Reads CIFAR-10 and keeps the decoded pixels for next time.

    Args:
        path: for ``cifar10-jpeg`` a directory or tar file that holds ``train/<class>/*.jpg`` and
            ``test/<class>/*.jpg``; for ``cifar10`` the root folder that torchvision uses.
        source: which of the two layouts ``path`` has.
        cache: folder for the decoded copy; without one nothing is kept.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; give the CIFAR-10 folder or tar file with --data")
    stored = None if cache is None else cache / f"{source}-{_cache_key(path)}.npz"
    if stored is not None and stored.exists():
        with np.load(stored, allow_pickle=False) as arrays:
            return _bundle({name: arrays[name] for name in arrays.files}, source)
    fresh = _read_torchvision(path) if source == "cifar10" else _read_tree(path)
    if stored is not None:
        with whole_file(stored) as file:
            np.savez(file, **fresh)  # type: ignore[arg-type]
    return _bundle(fresh, source)


def _bundle(arrays: dict[str, npt.NDArray[np.generic]], source: Source) -> Cifar10:
    digest = hashlib.sha256(source.encode())
    sets = []
    for split in ("train", "test"):
        images = cast(Pixels, arrays[f"{split}_images"])
        labels = cast(Labels, arrays[f"{split}_labels"])
        digest.update(images.tobytes())
        digest.update(labels.tobytes())
        sets.append(ImageSet(images, labels, source))
    return Cifar10(sets[0], sets[1], digest.hexdigest())


def _cache_key(path: Path) -> str:
    """A key that changes when the files do; a folder's by names and sizes, which is quick."""
    digest = hashlib.sha256()
    if path.is_file():
        digest.update(path.read_bytes())
    else:
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            stat = file.stat()
            digest.update(f"{file.relative_to(path)}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


@contextmanager
def opened_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """A data set's tar file; DataError where it is none, or breaks off while it is read."""
    try:
        with tarfile.open(path) as archive:
            yield archive
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is no whole tar file; give the data set's, or its folder") from error


def _tree_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields ``(name inside the tree, content)`` of every image of a folder or tar file."""
    if path.is_file():
        with opened_tar(path) as archive:
            for member in archive:
                if member.isfile() and member.name.lower().endswith(_SUFFIXES):
                    handle = archive.extractfile(member)
                    assert handle is not None  # a regular file always opens
                    yield member.name, handle.read()
    else:
        for file in path.rglob("*"):
            if file.suffix.lower() in _SUFFIXES:
                yield file.relative_to(path).as_posix(), file.read_bytes()


def _read_tree(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    found: dict[str, list[tuple[str, int, Pixels]]] = {"train": [], "test": []}
    for name, content in _tree_files(path):
        parts = name.split("/")
        if len(parts) < 3 or parts[-3] not in found or parts[-2] not in CLASSES:
            raise DataError(f"{name}: expected train|test/<class>/<file>, classes {CLASSES}")
        found[parts[-3]].append(("/".join(parts[-2:]), CLASSES.index(parts[-2]), _decode(name, content)))
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for split, rows in found.items():
        if not rows:
            raise DataError(f"{path} holds no {split}/<class>/*.jpg images")
        # Sorted by name: the order must not depend on the file system or the archive.
        rows.sort(key=lambda row: row[0])
        arrays[f"{split}_images"] = np.stack([row[2] for row in rows])
        arrays[f"{split}_labels"] = np.array([row[1] for row in rows], dtype=np.int64)
    return arrays


def _decode(name: str, content: bytes) -> Pixels:
    """The pixels of an image file, ``[32, 32, 3]``."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            size = image.size
            if size == _SIZE:
                return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # as formats have it
        raise DataError(f"{name} is damaged or no image; copy or unpack the data set again") from error
    raise DataError(f"{name} has {size[0]} x {size[1]} pixels; give CIFAR-10's images, which have 32 x 32")


def _read_torchvision(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    from torchvision.datasets import CIFAR10

    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for split in ("train", "test"):
        try:
            dataset = CIFAR10(str(path), train=split == "train", download=False)
        except RuntimeError as error:
            raise DataError(
                f"{path} holds no torchvision CIFAR-10: download it once with "
                f'python -c "import torchvision as v; v.datasets.CIFAR10({str(path)!r}, download=True)"'
            ) from error
        arrays[f"{split}_images"] = np.asarray(dataset.data, dtype=np.uint8)
        arrays[f"{split}_labels"] = np.asarray(dataset.targets, dtype=np.int64)
    return arrays
