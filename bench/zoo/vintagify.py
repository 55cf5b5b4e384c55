"""`cyclegan-vintagify`: a full-size CycleGAN that makes photographs look old.

The weights are a file in the PyPI distribution `vintagify` (MIT, Zhao and Wang); its code is
neither imported nor run.
"""

from __future__ import annotations

import io

import torch

from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.files import package_file, pinned_bytes
from ganqbench.zoo.generator import Generator, InputSource, Split, ZooEntry
from ganqbench.zoo.photographs import DISTRIBUTIONS, Photographs

_DISTRIBUTION = "vintagify==0.1.2"


class Vintagify(ZooEntry):
    """ResNet-9-block generator, 11.4M parameters, affine InstanceNorm, photographs at 256 px."""

    name = "cyclegan-vintagify"
    title = "CycleGAN, modern to vintage photographs"
    arch = "cyclegan-resnet"
    resolution = 256
    requires = ("vintagify", *DISTRIBUTIONS)
    weights_sha256 = "c502cd44ca720d004f89775f593fc403acc6b36d27d65390cbe2f476f771e560"
    licence = "MIT"

    def load(self) -> Generator:
        """The generator; UserError if vintagify 0.1.2 is absent or its weights are not the pinned ones."""
        path = package_file("vintagify", "resources/G_A2B_epoch33.pth", _DISTRIBUTION)
        remedy = f"Install the published file again: pip install --force-reinstall '{_DISTRIBUTION}'."
        content = pinned_bytes(path, self.weights_sha256, remedy)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        generator = ResnetGenerator(n_blocks=9, affine=True)
        # Its residual blocks call their layers `block` where junyanz' have `conv_block`.
        generator.load_state_dict(
            {key.replace(".block.", ".conv_block."): value for key, value in state.items()}
        )
        return generator.eval()

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Crops of real photographs, [n, 3, resolution, resolution] in [-1, 1]."""
        return Photographs(split, self.resolution if resolution is None else resolution)


ENTRY = Vintagify()
