"""The interval of a distance that bends: its limits, and coverage where both components are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganqbench.metrics.curvature import Shape, interval
from ganqbench.metrics.interval import normal_quantile

Z = normal_quantile()
positive = st.floats(0, 1e3)


def test_without_curvature_independent_errors_add_in_quadrature() -> None:
    low, high = interval(20.0, Shape(3.0, 0.0, 4.0, 0.0, 0.0), Z)
    assert (low, high) == pytest.approx((20 - 5 * Z, 20 + 5 * Z), rel=1e-4)


@pytest.mark.parametrize("root", [5.0, 1.5, 0.0])
def test_one_direction_alone_has_the_interval_of_its_normal_root(root: float) -> None:
    error = 0.5  # (d + 0.5 Z)^2 has slope 2 * 0.5 * d and bend 0.25
    low, high = interval(root**2, Shape(2 * error * root, error**2, 0.0, 0.0, 0.0), Z)
    assert high == pytest.approx((root + Z * error) ** 2 + error**2)
    assert low == pytest.approx(min(root**2, max(0.0, root - Z * error) ** 2 + error**2))


def test_what_a_direction_at_its_end_cannot_use_is_left_to_the_others() -> None:
    root, error, rest = 0.5, 0.5, 0.1  # zero is one standard error away
    low, _ = interval(10 + root**2, Shape(2 * error * root, error**2, rest, 0.0, 0.0), Z)
    left = rest * math.sqrt(Z**2 - 1)
    assert 10 + error**2 - rest * Z < low <= 10 + error**2 - left + 1e-3


@given(value=positive, slope=positive, bend=positive, rest=positive, skew=st.floats(-0.25, 0.25))
def test_ends_are_ordered_and_not_negative(
    value: float, slope: float, bend: float, rest: float, skew: float
) -> None:
    low, high = interval(value, Shape(slope, bend, rest, 0.0, skew), Z)
    assert 0 <= low <= value <= high < math.inf


@pytest.mark.parametrize("rest", [0.02, 0.3, 3.0])
@pytest.mark.parametrize("root", [0.0, 1.0, 2.0, 5.0])
def test_it_covers_the_expectation_at_any_distance_from_zero(root: float, rest: float) -> None:
    rng = np.random.default_rng(0)
    redraws, constant = 2000, 20.0
    hits = 0
    for first, second in rng.standard_normal((redraws, 2)):
        along, value = root + first, (root + first) ** 2 + constant + rest * second
        low, high = interval(value, Shape(2 * abs(along), 1.0, rest, 0.0, 0.0), Z)
        hits += low <= root**2 + 1 + constant <= high
    # 95 % of 2000 redraws has a standard deviation of 0.5 %.
    assert 0.91 <= hits / redraws <= 0.985
