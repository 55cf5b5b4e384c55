"""Where a reference's images come from: a folder, CIFAR-10, or the emoji that ship."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganqbench.metrics.checks import MetricError, Pixels

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm")
DATASETS = ("cifar10-jpeg", "cifar10", "emoji")


@dataclass(frozen=True)
class Pictures:
    """``n`` images ``[3, H, W]`` uint8 that can be gone through again and again in one order.

    ``name`` says in words what they are and becomes part of a reference's origin.
    """

    name: str
    n: int
    open: Callable[[], Iterator[Pixels]]


def folder_pictures(folder: Path) -> Pictures:
    """All image files below ``folder``, ordered by relative path; raises MetricError if there are none."""
    if not folder.is_dir():
        raise MetricError(f"{folder} is no folder")
    paths = sorted(
        (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()),
        key=lambda path: path.relative_to(folder).as_posix(),
    )
    if not paths:
        raise MetricError(f"{folder} holds no images ({', '.join(SUFFIXES)})")
    return Pictures(f"folder {folder.name}", len(paths), lambda: map(_read, paths))


def dataset_pictures(name: str, data: Path | None, cache: Path | None = None) -> Pictures:
    """The images of a data set that references are made of.

    * ``cifar10-jpeg``, ``cifar10``: the 50 000 training images of the copy at ``data``.
    * ``emoji``: the pictures of both training halves that ship with the package, each with its mirror
      image, as evaluation items have; held-out glyphs, whose drawings are evaluated, are left out.
    """
    if name == "emoji":
        return _emoji()
    if name not in DATASETS:
        raise MetricError(f"unknown data set {name!r}; known: {', '.join(DATASETS)}")
    if data is None:
        raise MetricError(f"say where {name} is: --data PATH")
    from ganqbench.train.data import DataError, load_cifar10

    try:
        images = load_cifar10(data, "cifar10" if name == "cifar10" else "cifar10-jpeg", cache).train.images
    except DataError as error:
        raise MetricError(str(error)) from error
    return _of_array(f"{name} train", images)


def _emoji() -> Pictures:
    from importlib.resources import files

    from ganqbench.zoo.files import checked
    from ganqbench.zoo.glyphs import FILE, SHA256, read_sheet

    content = checked(files("ganqbench.weights").joinpath(FILE).read_bytes(), SHA256, FILE)
    halves = np.concatenate([read_sheet(content, half).images for half in ("drawn", "pictured")])
    both = np.concatenate([halves, halves[:, :, ::-1]])
    return _of_array("emoji drawn+pictured, mirrored", both)


def _of_array(name: str, images: Pixels) -> Pictures:
    """Pictures of an array ``[N, H, W, 3]``."""
    return Pictures(name, len(images), lambda: (np.ascontiguousarray(i.transpose(2, 0, 1)) for i in images))


def _read(path: Path) -> Pixels:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise MetricError(f"{path} can't be read as an image: {error}") from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
