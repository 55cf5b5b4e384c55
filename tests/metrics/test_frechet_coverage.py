"""Whether the 95 % intervals hold: redraws of toy features with a fixed reference.

Small enough for every run: few features and few images. Other sizes and shapes are not covered here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from ganqbench.metrics import Estimate, frechet, frechet_delta, frechet_paired
from ganqbench.metrics.reference import Reference

Array = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, int], Array]
DIM, N, REDRAWS = 6, 180, 400


def gaussian(rng: np.random.Generator, n: int) -> Array:
    return rng.standard_normal((n, DIM))


def rectified(rng: np.random.Generator, n: int) -> Array:
    """Skewed, with a common factor and a spread that varies from row to row."""
    shared, loud = rng.standard_normal((n, 1)), np.exp(0.3 * rng.standard_normal((n, 1)))
    base = rng.standard_normal((n, DIM))
    rows: Array = np.maximum(base + 0.3 * shared, 0) * loud + 0.1 * base
    return rows


def bimodal(rng: np.random.Generator, n: int) -> Array:
    """One direction outweighs all others, and the distance along it is close to zero."""
    rows: Array = rng.standard_normal((n, DIM)) + 3.0 * (rng.random((n, 1)) < 0.3)
    return rows


class World:
    """A reference, and pairs of FP32 and quantized features drawn from one generator."""

    def __init__(self, noise: Noise, quantize: str) -> None:
        self.rng = np.random.default_rng(7)
        self.noise, self.quantize = noise, quantize
        self.mix = np.eye(DIM) + 0.15 * self.rng.standard_normal((DIM, DIM))
        self.error = self.rng.standard_normal((DIM, DIM)) / np.sqrt(DIM)
        self.reference = Reference.from_features(noise(self.rng, 5000) @ self.mix)

    def draw(self) -> tuple[Array, Array]:
        fp32 = 1.15 * self.noise(self.rng, N) @ self.mix + 0.2
        match self.quantize:
            case "coarse":
                return fp32, np.round(fp32 * 3) / 3
            case "near-identical":
                return fp32, fp32 + 0.01 * self.noise(self.rng, N) @ self.error
            case "exchangeable":  # delta = 0 in expectation, yet no pair is equal
                first, second = (fp32 + 0.3 * self.noise(self.rng, N) @ self.error for _ in range(2))
                return first, second
            case _:  # unpaired: two independent samples of one distribution
                return fp32, 1.15 * self.noise(self.rng, N) @ self.mix + 0.2


def coverage(estimates: list[Estimate]) -> float:
    expectation = np.mean([estimate.value for estimate in estimates])
    hits = [
        estimate.low <= expectation <= estimate.high
        for estimate in estimates
        if estimate.low is not None and estimate.high is not None
    ]
    assert len(hits) == REDRAWS
    return float(np.mean(hits))


# 95 % of 400 redraws has a standard deviation of 1.1 %.
@pytest.mark.parametrize("noise", [gaussian, rectified, bimodal])
def test_intervals_of_a_distance_cover_its_expectation(noise: Noise) -> None:
    world = World(noise, "coarse")
    assert 0.92 <= coverage([frechet(world.reference, world.draw()[1]) for _ in range(REDRAWS)]) <= 0.98


@pytest.mark.parametrize("noise", [gaussian, rectified])
@pytest.mark.parametrize("quantize", ["coarse", "near-identical", "exchangeable", "unpaired"])
def test_intervals_of_a_delta_cover_its_expectation(noise: Noise, quantize: str) -> None:
    world = World(noise, quantize)
    covered = coverage([frechet_delta(world.reference, *world.draw()) for _ in range(REDRAWS)])
    # Without pairs a skewed sample inflates the difference and its error together: conservative.
    assert 0.92 <= covered <= (1.0 if quantize == "unpaired" else 0.98)


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_delta_is_missed_on_either_side_alike(factor: float) -> None:
    """Contrast changed throughout: few bright images make up most of the delta, and all on one side."""
    world = World(rectified, "coarse")
    draws = [world.draw()[0] for _ in range(REDRAWS)]
    estimates = [frechet_delta(world.reference, fp32, factor * fp32) for fp32 in draws]
    expectation = np.mean([estimate.value for estimate in estimates])
    above = np.mean([(estimate.low or 0) > expectation for estimate in estimates])
    below = np.mean([(estimate.high or 0) < expectation for estimate in estimates])
    assert 0.02 <= above + below <= 0.08
    assert min(above, below) >= 0.01


@pytest.mark.parametrize("quantize", ["coarse", "near-identical", "exchangeable", "unpaired"])
def test_paired_distances_near_zero_are_never_overstated(quantize: str) -> None:
    world = World(gaussian, quantize)
    covered = coverage([frechet_paired(*world.draw()) for _ in range(REDRAWS)])
    assert 0.92 <= covered <= 1.0


@pytest.mark.parametrize("quantize", ["coarse", "near-identical"])
def test_a_deltas_error_is_that_of_redraws_with_many_features(quantize: str) -> None:
    """Half a suite's size with few redraws; `benchmarks/coverage.py --full` takes all of it."""
    dim, n, redraws = 96, 1500, 40
    rng = np.random.default_rng(5)

    def rows(count: int) -> Array:
        shared = 0.3 * rng.standard_normal((count, 1))
        result: Array = np.maximum(rng.standard_normal((count, dim)) + shared, 0)
        return result

    mix = np.eye(dim) + 0.5 * rng.standard_normal((dim, dim)) / np.sqrt(dim)
    reference = Reference.from_features(rows(3000) @ mix)
    draws = []
    for _ in range(redraws):
        fp32 = 1.1 * rows(n) @ mix + 0.1
        quantized = np.round(3 * fp32) / 3 if quantize == "coarse" else fp32 + 0.01 * rows(n)
        draws.append(frechet_delta(reference, fp32, quantized))
    values = np.array([draw.value for draw in draws])
    errors = np.array([float(draw.se or 0) for draw in draws])
    # The deviation of 40 values is known to 11 %, and an exact interval holds 38 of 40 times.
    assert 0.65 < errors.mean() / values.std() < 1.5
    held = [float(draw.low or 0) <= values.mean() <= float(draw.high or 0) for draw in draws]
    assert np.mean(held) >= 0.85
