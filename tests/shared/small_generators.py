"""Generators of random weights, one of each architecture, on which everything takes no time."""

from __future__ import annotations

import torch
from torch import nn

from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, Inputs, InputSource, Split, ZooEntry
from ganqbench.zoo.latents import Latents
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.stylegan2 import StyleGAN2

ARCHITECTURES = {
    "cyclegan": lambda: ResnetGenerator(ngf=8, n_blocks=1),
    "sagan": lambda: SAGAN([16, 16, 8], z_dim=8, classes=3, attention=[1]),
    "stylegan2": lambda: StyleGAN2((8, 8, 4), z_dim=8, w_dim=8, mapping_layers=2),
}


def small(arch: str, *, seed: int = 0, warmed: bool = False) -> Generator:
    """Weights of `seed`, and attention that counts; `warmed`: its batch norms know its own images."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        generator: Generator = ARCHITECTURES[arch]()
        if warmed:
            generator.train()(*generator.sample_inputs(64, 0))
    if arch == "sagan":
        for parameter in generator.parameters():
            if parameter.shape == (1,):  # the attention's share, at first none
                nn.init.constant_(parameter, 0.5)
    return generator.eval()


def small_inputs(generator: Generator, n: int) -> Inputs:
    """`n` inputs of a small generator; images have 16 pixels."""
    if isinstance(generator, ResnetGenerator):
        return (torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1,)
    return generator.sample_inputs(n, 0)


class TinySagan(ZooEntry):
    """The small SAGAN in a zoo; remembers which splits it was asked for."""

    name, title, arch, resolution, licence = "sagan-tiny", "tiny", "studiogan-sagan", 16, "none"

    def __init__(self) -> None:
        self.asked: list[Split] = []

    @property
    def weights_sha256(self) -> str:
        return "0" * 64

    def load(self) -> Generator:
        return small("sagan", warmed=True)

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        self.asked.append(split)
        return Latents(split, 8, 3)
