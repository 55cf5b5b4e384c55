"""Names of the GANs and where their entries live; importing this pulls no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ganqbench.errors import unknown_name

if TYPE_CHECKING:
    from ganqbench.zoo.generator import Generator, ZooEntry

# name -> "module:attribute"; the attribute is a ZooEntry instance.
ENTRIES: dict[str, str] = {
    "cyclegan-edges2emoji": "ganqbench.zoo.cyclegan_emoji:EDGES2EMOJI",
    "cyclegan-emoji2edges": "ganqbench.zoo.cyclegan_emoji:EMOJI2EDGES",
    "sagan-cifar10": "ganqbench.zoo.sagan_cifar10:ENTRY",
    "stylegan2-cifar10": "ganqbench.zoo.stylegan2_cifar10:ENTRY",
    "cyclegan-vintagify": "ganqbench.zoo.vintagify:ENTRY",
    "cyclegan-horse2zebra": "ganqbench.zoo.official_cyclegan:HORSE2ZEBRA",
    "cyclegan-zebra2horse": "ganqbench.zoo.official_cyclegan:ZEBRA2HORSE",
    "sagan-imagenet128": "ganqbench.zoo.official_sagan:IMAGENET128",
    "stylegan2-ada-cifar10": "ganqbench.zoo.official_stylegan2:ADA_CIFAR10",
    "stylegan2-ffhq1024": "ganqbench.zoo.official_stylegan2:FFHQ1024",
    "stylegan2-ffhq256": "ganqbench.zoo.official_stylegan2:FFHQ256",
}


def names() -> tuple[str, ...]:
    """Names of all GANs, sorted."""
    return tuple(sorted(ENTRIES))


def entry(name: str) -> ZooEntry:
    """The zoo entry of that name; raises UserError with the closest names if there is none."""
    if name not in ENTRIES:
        raise unknown_name("GAN", name, ENTRIES)
    module, attribute = ENTRIES[name].split(":")
    found: ZooEntry = getattr(import_module(module), attribute)
    return found


def load(name: str, *, offline: bool = False) -> Generator:
    """The generator of that name, in eval mode, with hash-checked weights.

    Official weights are downloaded at first use; with `offline` that is an error instead.
    """
    found = entry(name)
    found.prepare(offline=offline)
    return found.load()
