from __future__ import annotations

import numpy as np
import pytest
import torch

from ganqbench.train.augment import alternating_flip, gaussian_blur, random_crop
from ganqbench.train.diffaugment import augment, cutout, translate
from ganqbench.train.distance import frechet, moments
from ganqbench.zoo.edges import edge_drawing


def _rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_diffaugment_is_differentiable_and_seeded() -> None:
    images = torch.rand(6, 3, 16, 16, generator=_rng()) * 2 - 1
    images.requires_grad_(True)
    changed = augment(images, _rng(5), shift=0.125, hole=0.25, colour=1.0)
    assert torch.equal(changed, augment(images, _rng(5), shift=0.125, hole=0.25, colour=1.0))
    assert not torch.equal(changed, augment(images, _rng(6), shift=0.125, hole=0.25, colour=1.0))
    changed.square().sum().backward()
    assert images.grad is not None
    assert images.grad.flatten(1).abs().sum(dim=1).min() > 0


def test_no_strength_changes_nothing() -> None:
    images = torch.rand(2, 3, 8, 8, generator=_rng())
    assert augment(images, _rng(), shift=0) is images


def test_translation_moves_pixels_and_fills_with_grey() -> None:
    image = torch.ones(64, 1, 8, 8)
    moved = translate(image, 0.25, _rng())
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    visible = moved.sum(dim=(1, 2, 3))
    assert visible.min() >= 36  # at most two pixels are lost on each axis
    assert visible.max() == 64


def test_cutout_removes_at_most_its_square() -> None:
    removed = 64 - cutout(torch.ones(200, 1, 8, 8), 0.5, _rng()).sum(dim=(1, 2, 3))
    assert removed.min() >= 4
    assert removed.max() == 16


def test_crop_keeps_shape_and_reflects() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4).expand(50, 3, 4, 4)
    cropped = random_crop(image, 1, _rng())
    assert cropped.shape == image.shape
    assert any(torch.equal(row[0], image[0, 0]) for row in cropped)
    assert {tuple(row[0, 0].tolist()) for row in cropped} >= {(5.0, 4.0, 5.0, 6.0)}


def test_every_image_is_seen_both_ways_in_two_epochs() -> None:
    images = torch.rand(40, 1, 2, 2, generator=_rng())
    indices = torch.arange(40)
    first, second = (alternating_flip(images, indices, epoch, 11) for epoch in (4, 5))
    assert torch.equal(first + second, images + images.flip(3))
    share = sum(torch.equal(a, b) for a, b in zip(first, images, strict=True)) / 40
    assert 0.25 < share < 0.75


def test_blur_keeps_flat_images_and_is_per_image() -> None:
    flat = torch.full((2, 3, 6, 6), 0.3)
    assert torch.allclose(gaussian_blur(flat, torch.tensor([0.3, 0.9])), flat)
    dot = torch.zeros(2, 1, 7, 7)
    dot[:, :, 3, 3] = 1
    weak, strong = gaussian_blur(dot, torch.tensor([0.2, 0.9]))[:, 0, 3, 3]
    assert weak > 0.99
    assert strong == pytest.approx(0.4443**2, abs=2e-3)  # middle tap of five, both ways


def test_edge_drawing_is_exact() -> None:
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    picture[:, :, 4:] = 255
    drawing = edge_drawing(picture)
    # The blurred step has gradients 1/8, 3/8, 3/8, 1/8 of 255 sqrt(3): 55.2 and 165.6.
    assert drawing[0, 3].tolist() == [255, 255, 89, 0, 0, 89, 255, 255]
    assert np.array_equal(drawing, edge_drawing(picture[:, :, ::-1])[:, :, ::-1])
    assert (edge_drawing(np.full((2, 8, 8, 3), 77, np.uint8)) == 255).all()


def test_frechet_of_known_gaussians() -> None:
    rows = torch.randn(4000, 5, generator=_rng(), dtype=torch.float64)
    rows = (rows - rows.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(rows.T))).T
    assert frechet(moments(rows), moments(rows)) == pytest.approx(0, abs=1e-9)
    # Means 2 apart, deviations 1 and 3: 4 + 5 (3 - 1)^2.
    moved = rows * 3 + torch.tensor([2.0, 0, 0, 0, 0])
    assert frechet(moments(rows), moments(moved)) == pytest.approx(24, rel=1e-9)
