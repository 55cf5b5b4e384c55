from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganqbench.train.data import CLASSES, Cifar10, ImageSet


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CIFAR-10 of 40 training and 20 test images, as the JPEG layout has it."""
    root = tmp_path_factory.mktemp("cifar")
    rng = np.random.default_rng(7)
    for split, count in (("train", 4), ("test", 2)):
        for name in CLASSES:
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:04d}.jpg")
    return root


@pytest.fixture(scope="session")
def tiny() -> Cifar10:
    """40 and 20 images of plain class colours with noise."""
    rng = np.random.default_rng(3)

    def split(count: int) -> ImageSet:
        labels = np.repeat(np.arange(10), count)
        shade = rng.integers(0, 200, (10, 1, 1, 3))[labels]
        images = (shade + rng.integers(0, 50, (len(labels), 32, 32, 3))).astype(np.uint8)
        return ImageSet(images, labels, "cifar10-jpeg")

    return Cifar10(split(4), split(2), "tiny")
