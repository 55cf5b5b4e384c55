"""Where this machine keeps full-precision images, and whether a GAN's lie there already."""

from __future__ import annotations

from pathlib import Path

from ganqbench.harness.baselines import Baselines
from ganqbench.harness.pinned import THREADS
from ganqbench.harness.provenance import hardware
from ganqbench.home import home
from ganqbench.records.canonical import sha256


def image_cache(key: str, folder: Path | str | None = None) -> Baselines:
    """What the baseline cell of resume key `key` gives, in `folder` or in the cache folder.

    The folder may be shared by machines whose kernels round sums in another order: each kind has its own.
    """
    kind = " ".join(hardware(THREADS)["isa"])
    return Baselines(Path(folder or home() / "baselines"), f"{key} {kind}")


def has_images(key: str, folder: Path | None = None) -> bool:
    """Whether the images of that baseline cell are there; the name is the one that `Baselines` gives them."""
    cache = image_cache(key, folder)
    stem = sha256(f"{cache.key} images".encode()).removeprefix("sha256:")
    return any(cache.folder.glob(f"{stem}-*.npy"))
