"""Ranges: extremes, percentiles, least squares."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.calibrate import observe
from ganqbench.adapters.ganq.ranges import BINS, Histogram, activation_grid, weight_grid


def histogram(values: Tensor) -> Histogram:
    low, high = float(values.min()), float(values.max())
    return Histogram(low, high, torch.histc(values, BINS, low, high))


def normal(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed))


def test_min_max_covers_all_and_zero() -> None:
    grid = activation_grid(Histogram(1.0, 3.0, torch.empty(0)), 8, "minmax")
    assert float(grid.lowest) == 0
    assert float(grid.highest) == pytest.approx(3)


def test_percentiles_clip_a_share_of_each_end() -> None:
    values = normal(1_000_000)
    values[0] = 1000.0  # so that one bin holds everything else's upper end
    grid = activation_grid(histogram(values.clamp(-5, 5)), 8, "percentile")
    ordered = values.sort().values
    width = 10 / BINS
    assert float(grid.lowest) == pytest.approx(float(ordered[10]), abs=2 * width + float(grid.step))
    assert float(grid.highest) == pytest.approx(float(ordered[-11]), abs=2 * width + float(grid.step))


@pytest.mark.parametrize("bits", [3, 4, 8])
@pytest.mark.parametrize("has_zero_point", [True, False])
def test_mse_ranges_are_about_the_best(bits: int, has_zero_point: bool) -> None:
    values = torch.cat([normal(20_000), normal(200, 1) * 8])
    values = torch.where(values < 0, 0.2 * values, values)  # as after a leaky ReLU

    def error(grid_of: Histogram) -> float:
        grid = activation_grid(grid_of, bits, "minmax", has_zero_point=has_zero_point)
        return float((grid.quantize(values) - values).square().mean())

    found = activation_grid(histogram(values), bits, "mse", has_zero_point=has_zero_point)
    achieved = float((found.quantize(values) - values).square().mean())
    ends = torch.linspace(0.05, 1, 60)
    best = min(
        error(Histogram(float(values.min() * a), float(values.max() * b), torch.empty(0)))
        for a in ends
        for b in ends
    )
    assert achieved <= 1.1 * best
    assert achieved < error(histogram(values)) or bits == 8


@pytest.mark.parametrize("bits", [4, 8])
def test_long_tails_on_both_sides_are_clipped_without_a_zero_point_too(bits: int) -> None:
    source = torch.distributions.Laplace(0.0, 1.0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        values = source.sample((500_000,))
    seen = histogram(values)
    error = {}
    for has_zero_point in (True, False):
        grid = activation_grid(seen, bits, "mse", has_zero_point=has_zero_point)
        error[has_zero_point] = float((grid.quantize(values) - values).square().mean())
    assert error[False] == pytest.approx(error[True], rel=0.3)


@pytest.mark.parametrize("bits", [3, 4])
def test_mse_weights_are_better_than_min_max_in_every_channel(bits: int) -> None:
    weight = normal(6 * 200).reshape(6, 8, 5, 5)
    dims = [1, 2, 3]
    errors = {
        criterion: (weight_grid(weight, 0, bits, criterion).quantize(weight) - weight).square().sum(dims)
        for criterion in ("minmax", "mse")
    }
    assert (errors["mse"] <= errors["minmax"]).all()
    assert errors["mse"].sum() < 0.8 * errors["minmax"].sum()


def test_a_step_per_output_channel_or_one_for_all() -> None:
    weight = normal(4 * 6 * 9).reshape(4, 6, 3, 3)
    assert weight_grid(weight, 0, 4, "mse").step.shape == (4, 1, 1, 1)
    assert weight_grid(weight, 1, 4, "mse").step.shape == (1, 6, 1, 1)
    assert weight_grid(weight, None, 4, "mse").step.numel() == 1


def test_a_channel_of_zeros_stays_zero() -> None:
    weight = normal(3 * 8).reshape(3, 8)
    weight[1] = 0
    for criterion in ("minmax", "mse"):
        quantized = weight_grid(weight, 0, 4, criterion).quantize(weight)
        assert torch.equal(quantized[1], torch.zeros(8))
        assert torch.isfinite(quantized).all()


def test_observation_takes_in_every_batch() -> None:
    layer = nn.Linear(3, 2)
    batches = [(torch.tensor([[1.0, 2.0, 3.0]]),), (torch.tensor([[-4.0, 0.0, 9.0], [0.5, 0.5, 0.5]]),)]
    (seen,) = observe(nn.Sequential(layer), batches, with_counts=True).values()
    assert (seen.low, seen.high) == (-4, 9)
    assert int(seen.counts.sum()) == 9
    assert not layer._forward_pre_hooks


def test_values_that_are_not_finite_are_named() -> None:
    with pytest.raises(ValueError, match="not finite into 0"):
        observe(nn.Sequential(nn.Linear(1, 1)), [(torch.tensor([[torch.nan]]),)], with_counts=False)
