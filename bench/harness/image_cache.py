"""Whether a GAN's full-precision images lie in this machine's cache, without loading what makes them."""

from __future__ import annotations

from ganqbench.home import home
from ganqbench.records.canonical import sha256


def has_images(key: str) -> bool:
    """Whether those are there that the baseline cell of resume key `key` is the owner of.

    The name is the one that `Baselines.array` gives them.
    """
    stem = sha256(f"{key} images".encode()).removeprefix("sha256:")
    return any((home() / "baselines").glob(f"{stem}-*.npy"))
