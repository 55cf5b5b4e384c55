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
    transport = Transport(real, labels, memory=1000, every=1)
    for _ in range(60):
        (gradient,) = torch.autograd.grad(transport.loss(fake, labels) * transport.scale, fake)
        fake = (fake - 100 * gradient).detach().requires_grad_(True)
    after = frechet(moments(real), moments(fake.detach()))
    assert after < 0.02 * before
    first = fake.detach()[labels == 0].mean(dim=0)
    torch.testing.assert_close(first, real[labels == 0].mean(dim=0), atol=0.1, rtol=0)


def test_it_says_nothing_before_it_has_seen_enough() -> None:
    labels = torch.zeros(40, dtype=torch.long)
    transport = Transport(_features(7, 40, 1.0, 0.0), labels, memory=100)
    fake = _features(8, 40, 1.0, 1.0).requires_grad_(True)
    assert [float(transport.loss(fake, labels).detach()) > 0 for _ in range(4)] == [False, False, True, True]


def test_a_stopped_run_goes_on_alike() -> None:
    labels = torch.zeros(50, dtype=torch.long)
    real = _features(9, 200, 1.0, 0.0)
    batches = [_features(seed, 50, 0.8, 0.3) for seed in range(10, 20)]
    whole, first, second = (Transport(real, torch.zeros(200, dtype=torch.long), 150, 3) for _ in range(3))
    expected = [float(whole.loss(each, labels)) for each in batches]
    found = [float(first.loss(each, labels)) for each in batches[:6]]
    second.load_state_dict(first.state_dict())
    found += [float(second.loss(each, labels)) for each in batches[6:]]
    assert found == expected
    assert expected[-1] > 0
