"""The interval of a clustered mean: formula, coverage and edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ganqbench.metrics import MetricError
from ganqbench.metrics.interval import clustered_mean, distance_interval, normal_quantile, t_quantile


def test_single_value_clusters_give_the_textbook_interval() -> None:
    values = np.random.default_rng(0).normal(size=40)
    estimate = clustered_mean(values.tolist(), range(40))
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx(expected, rel=1e-12)
    assert estimate.se == pytest.approx(stats.sem(values), rel=1e-12)


def test_balanced_clusters_equal_the_interval_of_cluster_means() -> None:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(12, 1)) + 0.1 * rng.normal(size=(12, 7))).ravel()
    estimate = clustered_mean(values.tolist(), np.repeat(np.arange(12), 7).tolist())
    means = values.reshape(12, 7).mean(axis=1)
    assert estimate.se == pytest.approx(stats.sem(means), rel=1e-12)
    assert estimate.n == 84


def test_clustering_widens_the_interval_of_values_that_agree_within_clusters() -> None:
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(size=10), 20).tolist()
    naive = clustered_mean(values, range(200))
    honest = clustered_mean(values, np.repeat(np.arange(10), 20).tolist())
    assert naive.se is not None
    assert honest.se is not None
    assert honest.se > 4 * naive.se


def test_one_cluster_has_no_interval() -> None:
    estimate = clustered_mean([1.0, 3.0], ["a", "a"], worst="max")
    assert (estimate.value, estimate.worst) == (2.0, 3.0)
    assert (estimate.se, estimate.low, estimate.high) == (None, None, None)
    assert estimate.note is not None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 4)), min_size=1, max_size=30), st.randoms())
def test_the_order_of_values_changes_no_bit(rows: list[tuple[float, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = clustered_mean(*zip(*rows, strict=True), worst="min")
    assert first == clustered_mean(*zip(*shuffled, strict=True), worst="min")


@settings(max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30) | st.floats(-1, 1).map(lambda x: [x] * 3))
def test_a_mean_lies_within_its_values_and_its_interval(values: list[float]) -> None:
    estimate = clustered_mean(values, range(len(values)), worst="min")
    assert min(values) <= estimate.value <= max(values)
    assert estimate.worst is not None
    assert estimate.worst <= estimate.value
    if estimate.low is not None and estimate.high is not None:
        assert estimate.low <= estimate.value <= estimate.high


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_an_interval_of_a_distance_is_ordered_not_negative_and_continuous(value: float, half: float) -> None:
    low, high = distance_interval(value, half)
    assert 0 <= low <= value <= high
    wider = distance_interval(value, half * (1 + 1e-9))
    assert wider == pytest.approx((low, high), rel=1e-6, abs=1e-6 * (1 + value))


@given(st.floats(0, 1e3), st.floats(0, 1e3), st.floats(0, 1e3))
def test_an_interval_that_bends_is_ordered_and_not_negative(value: float, half: float, bend: float) -> None:
    low, high = distance_interval(value, half, bend)
    assert 0 <= low <= value <= high


def test_an_interval_without_a_bend_is_that_of_a_normal_root() -> None:
    assert distance_interval(9.0, 6.0) == pytest.approx((2.0**2, 4.0**2))
    assert distance_interval(9.0, 6.0, 1.0) == pytest.approx((2.0**2, 4.0**2))


@pytest.mark.parametrize("bend", [0.0, 0.7, 1.5, 2.0, 4.0, 30.0])
def test_the_lower_end_is_the_lowest_point_on_the_way(bend: float) -> None:
    way = np.linspace(-1, 1, 20_001)
    path = 9 + 3 * way + bend * way**2
    assert distance_interval(9.0, 3.0, bend) == pytest.approx((path.min(), path[-1]), abs=1e-6)


def test_where_the_half_width_is_beyond_twice_the_value_the_root_is_left() -> None:
    assert distance_interval(1.0, 2.0) == (0.0, 4.0)
    assert distance_interval(1.0, 4.0) == (0.0, 7.0)


def test_intervals_cover_at_their_level() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(15), [4, 6, 5] * 5).tolist()
    covered = 0
    for _ in range(1000):
        shared = rng.normal(size=15)
        values = [5 + shared[label] + 0.5 * rng.normal() for label in labels]
        estimate = clustered_mean(values, labels)
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= 5 <= estimate.high
    assert 0.93 <= covered / 1000 <= 0.97


def test_quantiles() -> None:
    assert t_quantile(9) == pytest.approx(stats.t.ppf(0.975, 9))
    assert normal_quantile() == pytest.approx(1.959964, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "clusters", "message"),
    [([], [], "no values"), ([1.0], [], "labels for 1"), ([1.0, float("nan")], [0, 1], "NaN")],
)
def test_bad_values_are_refused(values: list[float], clusters: list[int], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        clustered_mean(values, clusters)
