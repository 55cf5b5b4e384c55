"""DiffAugment (Zhao et al. 2020): the same random changes for real and fake images before D.

The discriminator then cannot learn the training set by heart, and since every change is
differentiable the generator still receives its gradient. Draws come from a generator handed in.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def translate(images: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Shifts image i by up to ``share`` of its height and width; what comes in is zero (grey).

    Images are ``[N, C, H, W]``.
    """
    n, _, height, width = images.shape
    reach_y, reach_x = round(height * share), round(width * share)
    top = torch.randint(0, 2 * reach_y + 1, (n, 1), generator=rng) + torch.arange(height)
    left = torch.randint(0, 2 * reach_x + 1, (n, 1), generator=rng) + torch.arange(width)
    padded = F.pad(images, (reach_x, reach_x, reach_y, reach_y)).permute(0, 2, 3, 1)
    rows = torch.arange(n).view(n, 1, 1)
    return padded[rows, top.unsqueeze(2), left.unsqueeze(1)].permute(0, 3, 1, 2)


def cutout(images: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Greys one square of ``share`` of the side per image, at a random place, partly outside too."""
    n, _, height, width = images.shape
    half_y, half_x = height * share / 2, width * share / 2
    centre_y = torch.rand(n, 1, 1, generator=rng) * height
    centre_x = torch.rand(n, 1, 1, generator=rng) * width
    rows = (torch.arange(height).view(1, -1, 1) + 0.5 - centre_y).abs() < half_y
    columns = (torch.arange(width).view(1, 1, -1) + 0.5 - centre_x).abs() < half_x
    return images * (~(rows & columns)).unsqueeze(1).to(images.dtype)


def recolour(images: Tensor, strength: float, rng: torch.Generator) -> Tensor:
    """Random brightness, saturation and contrast, each up to ``strength`` (1 is the paper's)."""
    n = len(images)
    shift, saturation, contrast = ((torch.rand(n, 1, 1, 1, generator=rng) - 0.5) * strength for _ in range(3))
    images = images + shift
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + 2 * saturation)
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    return middle + (images - middle) * (1 + contrast)


def augment(
    images: Tensor,
    rng: torch.Generator,
    *,
    shift: float = 0.125,
    hole: float = 0.0,
    colour: float = 0.0,
) -> Tensor:
    """All changes in the paper's order; a strength of zero leaves one out.

    Takes and gives ``[N, C, H, W]`` float in [-1, 1] (colour changes may leave that range).
    """
    if colour:
        images = recolour(images, colour, rng)
    if shift:
        images = translate(images, shift, rng)
    if hole:
        images = cutout(images, hole, rng)
    return images
