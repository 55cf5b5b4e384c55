"""The loss of transport: its map, its gradient, and that a run which was stopped goes on alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganqbench.train.distance import frechet, moments
from ganqbench.train.transport import Transport, transport_map


def _covariance(seed: int, d: int = 6) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(2 * d, d))
    return factor.T @ factor / (2 * d)


def _features(seed: int, n: int, spread: float, shift: float) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    mix = torch.randn(5, 5, generator=rng)
    return torch.randn(n, 5, generator=rng) @ mix * spread + shift


def test_the_map_takes_one_covariance_to_the_other() -> None:
    source, target = _covariance(0), _covariance(1)
    matrix = transport_map(source, target).double().numpy()
    np.testing.assert_allclose(matrix @ source @ matrix, target, atol=1e-5)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_the_map_of_a_covariance_to_itself_is_the_identity() -> None:
    matrix = transport_map(_covariance(2), _covariance(2))
    torch.testing.assert_close(matrix, torch.eye(6), atol=1e-5, rtol=0)


def test_its_gradient_is_that_of_the_frechet_distance() -> None:
    real, fake = _features(3, 400, 1.0, 0.0), _features(4, 300, 0.7, 0.5)
    labels = torch.zeros(300, dtype=torch.long)
    transport = Transport(real, torch.zeros(400, dtype=torch.long), memory=300)
    transport.remember(fake, labels)
    asked = fake.clone().requires_grad_(True)
    loss = transport.loss(asked, labels)
    (gradient,) = torch.autograd.grad(loss * transport.scale, asked)
    row, column, small = 17, 2, 1e-2
    ends = []
    for sign in (1, -1):
        moved = fake.clone()
        moved[row, column] += sign * small
        ends.append(frechet(moments(real), moments(moved)))
    difference = (ends[0] - ends[1]) / (2 * small)
    assert float(gradient[row, column]) == pytest.approx(difference, rel=0.02, abs=1e-5)


def test_steps_along_it_bring_each_class_to_its_place() -> None:
    real = torch.cat([_features(5, 500, 1.0, 0.0), _features(5, 500, 1.0, 4.0)])
    labels = torch.arange(2).repeat_interleave(500)
    fake = torch.cat([_features(6, 500, 0.4, 4.0), _features(6, 500, 0.4, 0.0)]).requires_grad_(True)
    before = frechet(moments(real), moments(fake.detach()))
    transport = Transport(real, labels, memory=1000)
    for _ in range(60):
        transport.remember(fake, labels)
        (gradient,) = torch.autograd.grad(transport.loss(fake, labels) * transport.scale, fake)
        fake = (fake - 100 * gradient).detach().requires_grad_(True)
    after = frechet(moments(real), moments(fake.detach()))
    assert after < 0.02 * before
    first = fake.detach()[labels == 0].mean(dim=0)
    torch.testing.assert_close(first, real[labels == 0].mean(dim=0), atol=0.1, rtol=0)


def test_it_asks_for_fakes_before_it_has_seen_enough() -> None:
    labels = torch.zeros(40, dtype=torch.long)
    transport = Transport(_features(7, 40, 1.0, 0.0), labels, memory=60)
    fake = _features(8, 40, 1.0, 1.0)
    transport.remember(fake, labels)
    with pytest.raises(ValueError, match="40 of 60"):
        transport.loss(fake, labels)
    transport.remember(fake, labels)
    assert float(transport.loss(fake, labels)) > 0


def test_the_oldest_fakes_are_forgotten() -> None:
    labels = torch.zeros(40, dtype=torch.long)
    kept, fresh = (Transport(_features(7, 40, 1.0, 0.0), labels, memory=80) for _ in range(2))
    batches = [_features(seed, 40, 0.8, 0.3) for seed in (8, 9, 10)]
    for each in batches:
        kept.remember(each, labels)
    for each in batches[1:]:
        fresh.remember(each, labels)
    assert float(kept.loss(batches[0], labels)) == pytest.approx(
        float(fresh.loss(batches[0], labels)), rel=1e-5
    )
