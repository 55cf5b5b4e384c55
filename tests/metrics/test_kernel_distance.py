"""KID against its definition and clean-fid, its interval and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ganqbench.metrics import MetricError, checks, kid, kid_delta, kid_subsets
from ganqbench.metrics.kernel_fit import KernelFit, mean_kernel

Array = npt.NDArray[np.float64]


def rows(n: int, seed: int, scale: float = 1.0, dim: int = 12) -> Array:
    rng = np.random.default_rng(seed)
    result: Array = scale * np.maximum(rng.standard_normal((n, dim)), -0.3)
    return result


def by_definition(real: Array, fake: Array) -> float:
    def kernel(x: Array, y: Array) -> Array:
        result: Array = (np.array([[a @ b for b in y] for a in x]) / x.shape[1] + 1) ** 3
        return result

    n, m = len(fake), len(real)
    within, across, truth = kernel(fake, fake), kernel(fake, real), kernel(real, real)
    return float(
        (within.sum() - np.trace(within)) / (n * (n - 1))
        + (truth.sum() - np.trace(truth)) / (m * (m - 1))
        - 2 * across.mean()
    )


def test_equals_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = rows(30, 0), rows(25, 1, 1.2)
    assert kid(real, fake).value == pytest.approx(by_definition(real, fake), rel=1e-12)
    monkeypatch.setattr(checks, "_BLOCK", 7)
    assert kid(real, fake).value == pytest.approx(by_definition(real, fake), rel=1e-12)


def test_equals_clean_fid_on_one_full_subset_and_within_noise_on_many() -> None:
    from cleanfid.fid import kernel_distance as clean

    real, fake = rows(400, 0), rows(400, 1, 1.1)
    assert kid(real, fake).value == pytest.approx(clean(real, fake, num_subsets=1), rel=1e-10)
    subsets = kid_subsets(real, fake, np.random.default_rng(0), subsets=50, size=200)
    assert subsets.value == pytest.approx(kid(real, fake).value, rel=0.2)
    assert subsets == kid_subsets(real, fake, np.random.default_rng(0), subsets=50, size=200)
    assert subsets.low is None


def test_a_delta_is_the_difference_and_identical_outputs_have_none() -> None:
    real, fp32 = rows(200, 0), rows(150, 1, 1.1)
    quantized = np.round(fp32 * 3) / 3
    delta = kid_delta(real, fp32, quantized)
    assert delta.value == pytest.approx(kid(real, quantized).value - kid(real, fp32).value, rel=1e-9)
    assert delta.se is not None
    alone = kid(real, quantized).se
    assert alone is not None
    assert delta.se < alone
    same = kid_delta(real, fp32, fp32.copy())
    assert (same.value, same.se, same.low, same.high) == (0, 0, 0, 0)


def test_intervals_cover_the_expectation() -> None:
    real = rows(200, 0, dim=4)
    single, delta = [], []
    for seed in range(300):
        fake = rows(200, 1000 + seed, 1.2, dim=4)
        single.append(kid(real, fake))
        delta.append(kid_delta(real, fake, np.round(2 * fake) / 2))
    for estimates in (single, delta):
        expectation = np.mean([estimate.value for estimate in estimates])
        hits = [float(e.low or 0) <= expectation <= float(e.high or 0) for e in estimates]
        assert 0.92 <= np.mean(hits) <= 0.98


def test_two_classes_near_the_reals_are_not_understated() -> None:
    rng = np.random.default_rng(3)

    def bimodal(n: int, scale: float) -> Array:
        result: Array = scale * (rng.standard_normal((n, 12)) + 3.0 * (rng.random((n, 1)) < 0.3))
        return result

    real = bimodal(300, 1.0)
    draws = [kid(real, bimodal(100, 1.02)) for _ in range(150)]
    expectation = kid(real, bimodal(10_000, 1.02)).value
    # The share of the larger class alone decides most of a sample's distance and of its error.
    below = np.mean([float(draw.high or 0) < expectation for draw in draws])
    assert below <= 0.05


def test_derivatives_are_those_of_the_distance() -> None:
    real, fake = rows(60, 0), rows(50, 1, 1.2)
    fit = KernelFit(real, mean_kernel(real), fake)
    everything = np.arange(50)
    curvature = np.array([fit.curvature(np.full(50, row), everything) for row in everything])

    def squared(weights: Array) -> float:
        """The distance of weighted fakes, own pairs included."""
        kernel = (fake @ fake.T / 12 + 1) ** 3
        across = ((fake @ real.T / 12 + 1) ** 3).mean(axis=1)
        return float(weights @ kernel @ weights - 2 * weights @ across)

    direction = np.random.default_rng(2).standard_normal(50)
    direction -= direction.mean()
    even, step = np.full(50, 1 / 50), direction * 1e-3
    twice = squared(even + step) - 2 * squared(even) + squared(even - step)
    assert step @ curvature @ step == pytest.approx(twice, rel=1e-6)
    assert curvature.sum() == pytest.approx(0, abs=1e-8 * abs(curvature).sum())
    half = fit.bend(direction, 0.1)
    moved = direction * 0.1 / float(direction @ direction)
    assert half == pytest.approx(moved @ curvature @ moved / 2, rel=1e-9)
    some = fit.second_derivative(everything, step, everything)
    np.testing.assert_allclose(some - some.mean(), curvature @ step - (curvature @ step).mean(), atol=1e-9)


def test_an_expectation_below_zero_is_covered_too() -> None:
    rng = np.random.default_rng(6)

    def heavy(n: int) -> Array:
        result: Array = rng.standard_normal((n, 4)) * np.sqrt(6 / rng.chisquare(6, (n, 1)))
        return result

    real = heavy(200)
    draws = [kid(real, heavy(150)) for _ in range(150)]
    expectation = np.mean([draw.value for draw in draws])
    assert expectation < 0  # of the estimate with these reals, which are a sample themselves
    above = np.mean([float(draw.low or 0) > expectation for draw in draws])
    assert above <= 0.05


def test_clusters_widen_the_interval() -> None:
    real, fake = rows(100, 0), np.repeat(rows(40, 1, 1.2), 4, axis=0)
    alone, grouped = kid(real, fake), kid(real, fake, np.repeat(np.arange(40), 4).tolist())
    assert alone.se is not None
    assert grouped.se is not None
    assert grouped.se > 1.5 * alone.se
    assert kid(real, fake, ["one"] * 160).low is None


REAL = rows(20, 0)
BROKEN = REAL.copy()
BROKEN[3, 1] = np.inf


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [(REAL, BROKEN, "NaN or infinity"), (REAL, REAL[:, :4], "columns"), (REAL[:1], REAL, "at least 2")],
)
def test_bad_features_are_refused(real: Any, fake: Any, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        kid(real, fake)
    with pytest.raises(MetricError, match=message):
        kid_subsets(real, fake, np.random.default_rng(0))


def test_unpaired_rows_and_empty_subsets_are_refused() -> None:
    with pytest.raises(MetricError, match="not paired"):
        kid_delta(REAL, REAL, REAL[:-1])
    with pytest.raises(MetricError, match="give no distance"):
        kid_subsets(REAL, REAL, np.random.default_rng(0), subsets=0)
