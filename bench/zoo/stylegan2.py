"""The StyleGAN2 generator (Karras et al. 2020; with classes as in StyleGAN2-ADA, 2020).

Learning-rate equalisation lives outside the layers: they hold the weights as they act, and
`StyleGAN2.lr_scales` says by how much each one's Adam step is to be scaled, which is the same
training. So every weighted operation is an ordinary layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, fx, nn

from ganqbench.errors import UserError
from ganqbench.zoo.generator import Generator, Inputs
from ganqbench.zoo.latents import draw
from ganqbench.zoo.layers import init_normal
from ganqbench.zoo.mapping import Mapping
from ganqbench.zoo.modulated import SQRT2, ModulatedConv, StyledConv, ToRGB, fir_upsample, make_fir

Architecture = Literal["skip", "orig", "resnet"]

fx.wrap("fir_upsample")


class Block(nn.Module):
    """One resolution of the synthesis: a constant or an up-sampling layer, a layer, perhaps an image."""

    fir: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        resolution: int,
        w_dim: int,
        architecture: Architecture,
        image_channels: int,
        *,
        to_rgb: bool,
        fir: Tensor,
        clamp: float | None,
        noise: bool,
    ) -> None:
        super().__init__()
        first = inputs == 0
        self.is_first = first
        self.residual = architecture == "resnet" and not first
        if first:
            self.const = nn.Parameter(init_normal(torch.empty(outputs, resolution, resolution)))
        else:
            self.conv0 = StyledConv(
                inputs, outputs, w_dim, resolution, up=True, fir=fir, clamp=clamp, noise=noise
            )
        self.conv1 = StyledConv(
            outputs,
            outputs,
            w_dim,
            resolution,
            up=False,
            fir=fir,
            clamp=clamp,
            noise=noise,
            gain=math.sqrt(0.5) if self.residual else 1.0,
        )
        self.has_rgb = to_rgb
        if to_rgb:
            self.torgb = ToRGB(outputs, image_channels, w_dim, fir=fir, clamp=clamp)
        self.adds_image = architecture == "skip" and not first
        if self.residual:
            self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)
            init_normal(self.skip.weight, std=math.sqrt(0.5 / inputs))
        if self.residual or self.adds_image:
            self.register_buffer("fir", fir.clone())
        self.num_conv = 1 if first else 2

    def forward(
        self,
        x: Tensor | None,
        image: Tensor | None,
        ws: Tensor,
        start: int,
        noise_mode: str,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Maps and image of half the size (None at first) to those of this resolution.

        Uses ws[:, start:]; the image layer shares its style with the next block's first layer.
        """
        if x is None:
            x = self.const.unsqueeze(0).expand(ws.shape[0], -1, -1, -1)
            x = self.conv1(x, ws[:, start], noise_mode, generator)
        else:
            entering = x
            x = self.conv0(x, ws[:, start], noise_mode, generator)
            x = self.conv1(x, ws[:, start + 1], noise_mode, generator)
            if self.residual:
                x = x + fir_upsample(self.skip(entering), self.fir)
        if image is not None:
            image = fir_upsample(image, self.fir)
        if self.has_rgb:
            rgb = self.torgb(x, ws[:, start + self.num_conv])
            image = rgb if image is None else image + rgb
        return x, image


class Synthesis(nn.Module):
    """Styles [N, num_ws, w_dim] to images [N, image_channels, resolution, resolution]."""

    def __init__(
        self,
        channels: Sequence[int],
        w_dim: int,
        architecture: Architecture,
        image_channels: int,
        clamp: float | None,
        noise: bool,
        fir: Tensor,
    ) -> None:
        super().__init__()
        self.resolutions = [4 << level for level in range(len(channels))]
        self.num_ws = 2 * len(channels)
        inputs = 0
        for resolution, outputs in zip(self.resolutions, channels, strict=True):
            block = Block(
                inputs,
                outputs,
                resolution,
                w_dim,
                architecture,
                image_channels,
                to_rgb=architecture == "skip" or resolution == self.resolutions[-1],
                fir=fir,
                clamp=clamp,
                noise=noise,
            )
            self.add_module(f"b{resolution}", block)
            inputs = outputs

    def forward(
        self, ws: Tensor, noise_mode: str = "const", noise_generator: torch.Generator | None = None
    ) -> Tensor:
        """Images; `noise_generator` is the source of mode `random` (None: torch's global one)."""
        x: Tensor | None = None
        image: Tensor | None = None
        start = 0
        for resolution in self.resolutions:
            block = getattr(self, f"b{resolution}")
            x, image = block(x, image, ws, start, noise_mode, noise_generator)
            start += 1 if resolution == 4 else 2
        assert image is not None
        return image


class StyleGAN2(Generator):
    """Images [N, image_channels, R, R] of latents z [N, z_dim] and, if `c_dim`, one-hot classes [N, c_dim].

    `channels` are the widths at 4, 8, ... R pixels, so R is 4 * 2 ** (len(channels) - 1). Images lie
    in [-1, 1] up to overshoot, as in the papers. `fir` are the taps of the low-pass filter.
    """

    reconstructed = frozenset({"Block"})
    compared = frozenset({"StyledConv"})

    def __init__(
        self,
        channels: Sequence[int],
        z_dim: int = 512,
        w_dim: int = 512,
        c_dim: int = 0,
        mapping_layers: int = 8,
        architecture: Architecture = "skip",
        conv_clamp: float | None = None,
        image_channels: int = 3,
        hidden_dim: int | None = None,
        embed_dim: int | None = None,
        lr_multiplier: float = 0.01,
        noise: bool = True,
        fir: Sequence[float] | Tensor = (1, 3, 3, 1),
    ) -> None:
        super().__init__()
        if architecture not in ("skip", "orig", "resnet"):
            raise UserError(f"StyleGAN2 has no architecture {architecture!r}.", "Use skip, orig or resnet.")
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.resolution = 4 << (len(channels) - 1)
        self.image_channels = image_channels
        kernel = fir if isinstance(fir, Tensor) else make_fir(fir)
        self.synthesis = Synthesis(channels, w_dim, architecture, image_channels, conv_clamp, noise, kernel)
        self.mapping = Mapping(
            z_dim, c_dim, w_dim, self.synthesis.num_ws, mapping_layers, hidden_dim, embed_dim, lr_multiplier
        )

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise_mode: str = "const",
        noise_generator: torch.Generator | None = None,
    ) -> Tensor:
        """Images of z and one-hot c; truncation and noise as `Mapping` and `Synthesis` say."""
        ws = self.mapping(z, c, truncation_psi, truncation_cutoff)
        image: Tensor = self.synthesis(ws, noise_mode, noise_generator)
        return image

    def sample_inputs(self, n: int, seed: int) -> Inputs:
        """z [n, z_dim] and, with classes, one-hot c [n, c_dim], item i from (seed, i)."""
        z, labels = draw(seed, range(n), self.z_dim, self.c_dim)
        if not self.c_dim:
            return (z,)
        return z, nn.functional.one_hot(labels, self.c_dim).float()

    def exempt_modules(self) -> frozenset[str]:
        """The modules that apply low-pass filters or compute demodulation factors."""
        return frozenset(
            name for name, module in self.named_modules() if isinstance(module, ModulatedConv | Block)
        )

    def lr_scales(self) -> dict[str, float]:
        """What to scale each parameter's Adam step by, for the equalised rates of the papers.

        A layer there holds weights v and acts with g v. Adam's step on v does not depend on g, so
        the step of g v is g times it. Parameters with scale 1 are left out.
        """
        scales: dict[str, float] = {}
        names = {module: name for name, module in self.named_modules()}
        multiplier = self.mapping.lr_multiplier * SQRT2
        for linear in self.mapping.linears():
            scales[f"{names[linear]}.weight"] = multiplier / math.sqrt(linear.in_features)
            scales[f"{names[linear]}.bias"] = multiplier
        for name, module in self.named_modules():
            if isinstance(module, ModulatedConv):
                scales[f"{name}.affine.weight"] = 1 / math.sqrt(module.affine.in_features)
                if not module.demodulate:
                    scales[f"{name}.conv.weight"] = 1 / math.sqrt(module.conv.weight[0].numel())
            elif isinstance(module, Block) and module.residual:
                scales[f"{name}.skip.weight"] = math.sqrt(0.5 / module.skip.in_channels)
        if self.c_dim:
            scales["mapping.embed.weight"] = 1 / math.sqrt(self.c_dim)
        return scales

    def parameter_groups(self, lr: float) -> list[dict[str, object]]:
        """Groups for an Adam optimiser at the papers' base rate `lr`, one per distinct scale."""
        scales = self.lr_scales()
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            groups.setdefault(scales.get(name, 1.0), []).append(parameter)
        return [{"params": params, "lr": lr * scale} for scale, params in groups.items()]
