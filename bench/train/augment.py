"""Random changes to training images of a classifier; every draw comes from a generator handed in."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def random_crop(images: Tensor, padding: int, rng: torch.Generator) -> Tensor:
    """Shifts each image by up to ``padding`` pixels both ways, reflecting at the border.

    ``images`` is ``[N, 3, H, W]`` float; so is the result.
    """
    n, _, height, width = images.shape
    padded = F.pad(images, (padding,) * 4, mode="reflect").permute(0, 2, 3, 1)
    top = torch.randint(0, 2 * padding + 1, (n, 1), generator=rng) + torch.arange(height)
    left = torch.randint(0, 2 * padding + 1, (n, 1), generator=rng) + torch.arange(width)
    rows = torch.arange(n).view(n, 1, 1)
    return padded[rows, top.unsqueeze(2), left.unsqueeze(1)].permute(0, 3, 1, 2)


def alternating_flip(images: Tensor, indices: Tensor, epoch: int, seed: int) -> Tensor:
    """Mirrors half of the images, and exactly the other half in the next epoch.

    Each image (by its index in the data set, ``[N]`` int64) is thus seen both ways in every two
    epochs (Jordan 2024, section 3.6).
    """
    # A hash of index and seed decides the first epoch's side; multiplier of Knuth's method.
    side = ((indices + seed) * 2654435761) % 2**32 // 2**16 + epoch
    return torch.where((side % 2 == 1).view(-1, 1, 1, 1), images.flip(3), images)


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blurs image i with a five-tap Gaussian of ``sigma[i]`` pixels (``[N]``), both ways."""
    offsets = torch.arange(-2, 3, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma.view(-1, 1)) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).view(-1, 5, 1, 1, 1)
    padded = F.pad(images, (0, 0, 2, 2), mode="reflect")
    height, width = images.shape[2:]
    rows = sum(kernel[:, k] * padded[:, :, k : k + height] for k in range(5))
    assert isinstance(rows, Tensor)
    padded = F.pad(rows, (2, 2, 0, 0), mode="reflect")
    columns = sum(kernel[:, k] * padded[:, :, :, k : k + width] for k in range(5))
    assert isinstance(columns, Tensor)
    return columns


def degrade(
    images: Tensor, noise: float, noise_share: float, blur_share: float, rng: torch.Generator
) -> Tensor:
    """Adds white noise to a share of the images and blurs another, at random strengths.

    ``noise`` is the largest deviation in [-1, 1] units (each image draws its own below it); blur
    radii are 0.2 to 0.9 pixels. Images are ``[N, 3, H, W]`` in [-1, 1], and stay in that range.
    """
    n = len(images)
    blurred = torch.rand(n, generator=rng) < blur_share
    sigma = 0.2 + 0.7 * torch.rand(n, generator=rng)
    deviation = noise * torch.rand(n, generator=rng)
    deviation = deviation * (torch.rand(n, generator=rng) < noise_share)
    result = images.clone()
    if blurred.any():
        result[blurred] = gaussian_blur(images[blurred], sigma[blurred])
    white = torch.randn(images.shape, generator=rng)
    return (result + deviation.view(n, 1, 1, 1) * white).clamp_(-1, 1)
