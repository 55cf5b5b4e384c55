"""Seeds of one row: calibration and sampling uncertainty kept apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from ganqbench.metrics import Estimate, MetricError, frechet_delta
from ganqbench.metrics.frechet_distance import PairedDelta
from ganqbench.metrics.reference import Reference
from ganqbench.metrics.seeds import combine_seeds

Array = npt.NDArray[np.float64]


def seed(value: float, se: float | None = 0.5, n: int = 100) -> Estimate:
    low, high = (None, None) if se is None else (value - 2 * se, value + 2 * se)
    return Estimate(value, se, low, high, n)


def test_between_and_within_are_reported_apart() -> None:
    summary = combine_seeds([seed(1.0, 0.3), seed(2.0, 0.4), seed(4.0, 0.5)])
    assert summary.mean == pytest.approx(7 / 3)
    assert summary.calibration_sd == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert summary.sampling_se == pytest.approx(0.4)
    assert not summary.exact
    calibration = stats.t.ppf(0.975, 2) * stats.sem([1, 2, 4])
    half = np.hypot(0.8, calibration)
    assert (summary.low, summary.high) == pytest.approx((7 / 3 - half, 7 / 3 + half))


def test_influence_values_are_averaged_over_the_seeds_before_their_spread_is_taken() -> None:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal(100)
    influences = [shared + rng.standard_normal(100) for _ in range(4)]
    estimates = [seed(1.0, float(each.std(ddof=1)) / 10) for each in influences]
    exact = combine_seeds(estimates, influences)
    assert exact.sampling_se == pytest.approx(np.mean(influences, axis=0).std(ddof=1) / 10)
    bound = combine_seeds(estimates)
    assert exact.sampling_se is not None
    assert bound.sampling_se is not None
    assert exact.sampling_se < 0.9 * bound.sampling_se
    same = combine_seeds(estimates[:1] * 4, influences[:1] * 4)
    assert same.sampling_se == pytest.approx(estimates[0].se)
    assert same.calibration_sd == 0


def test_only_the_spread_of_influence_values_counts() -> None:
    influence = np.random.default_rng(0).standard_normal(100)
    summaries = [combine_seeds([seed(1.0)] * 2, [influence + shift] * 2) for shift in (0.0, 5.0)]
    assert summaries[0].low is not None
    assert summaries[0].low < 1.0
    assert summaries[0].low == pytest.approx(summaries[1].low)
    assert summaries[0].high == pytest.approx(summaries[1].high)


@pytest.mark.parametrize(("low", "high"), [(None, 2.0), (0.0, None)])
def test_a_seed_without_both_ends_leaves_no_interval(low: float | None, high: float | None) -> None:
    summary = combine_seeds([seed(1.0), Estimate(1.0, 0.5, low, high, 100)])
    assert (summary.low, summary.high) == (None, None)


def test_opposite_errors_of_seeds_cancel() -> None:
    influence = np.random.default_rng(0).standard_normal(50)
    assert combine_seeds([seed(1.0, n=50)] * 2, [influence, -influence]).sampling_se == 0


def test_clusters_of_inputs_are_one_unit() -> None:
    influence = np.repeat(np.random.default_rng(0).standard_normal(25), 4)
    alone = combine_seeds([seed(1.0)] * 2, [influence] * 2)
    grouped = combine_seeds([seed(1.0)] * 2, [influence] * 2, np.repeat(np.arange(25), 4).tolist())
    assert alone.sampling_se is not None
    assert grouped.sampling_se is not None
    assert grouped.sampling_se > 1.9 * alone.sampling_se
    assert combine_seeds([seed(1.0)] * 2, [influence] * 2, ["one"] * 100).low is None


def test_the_influence_of_a_delta_is_the_one_its_error_comes_from() -> None:
    rng = np.random.default_rng(1)
    reference = Reference.from_moments(np.zeros(3), np.eye(3), 10_000)
    fp32 = 1.3 * rng.standard_normal((500, 3)) + 1
    quantized = [fp32 + 0.2 * rng.standard_normal((500, 3)) for _ in range(3)]
    deltas = [PairedDelta.of(reference, fp32, each) for each in quantized]
    influences = [delta.influence for delta in deltas]
    found = [each for each in influences if each is not None]
    summary = combine_seeds([delta.estimate() for delta in deltas], found)
    assert summary.mean == pytest.approx(
        np.mean([frechet_delta(reference, fp32, each).value for each in quantized])
    )
    for delta, influence in zip(deltas, found, strict=True):
        assert delta.estimate().se == pytest.approx(influence.std(ddof=1) / np.sqrt(500), rel=0.05)
    few = PairedDelta.of(Reference.from_moments(np.zeros(3), np.eye(3), 10_000), fp32[:3], fp32[:3])
    assert few.influence is None


@pytest.mark.parametrize(("between", "shared", "own"), [(0.3, 1.0, 1.0), (0.02, 1.0, 3.0), (0.0, 2.0, 0.2)])
def test_the_interval_covers_other_inputs_and_other_seeds(between: float, shared: float, own: float) -> None:
    rng = np.random.default_rng(2)
    n, seeds, redraws = 200, 3, 600
    hits = 0
    for _ in range(redraws):
        common = shared * rng.standard_normal(n)
        rows = common + own * rng.standard_normal((seeds, n)) + between * rng.standard_normal((seeds, 1))
        means = rows.mean(axis=1)
        errors = rows.std(axis=1, ddof=1) / np.sqrt(n)
        estimates = [seed(float(m), float(e), n) for m, e in zip(means, errors, strict=True)]
        summary = combine_seeds(estimates, list(rows - means[:, None]))
        assert summary.low is not None
        assert summary.high is not None
        hits += summary.low <= 0 <= summary.high
    assert hits / redraws >= 0.93


def test_one_seed_says_nothing_about_calibration() -> None:
    summary = combine_seeds([seed(1.0)])
    assert (summary.mean, summary.sampling_se, summary.seeds, summary.n) == (1.0, 0.5, 1, 100)
    assert (summary.calibration_sd, summary.low, summary.high) == (None, None, None)


def test_a_seed_without_standard_error_leaves_none() -> None:
    summary = combine_seeds([seed(1.0), seed(2.0, None)])
    assert (summary.sampling_se, summary.low) == (None, None)
    assert summary.calibration_sd == pytest.approx(np.sqrt(0.5))


def test_seeds_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(MetricError, match=r"\[100, 200\] images"):
        combine_seeds([seed(1.0), seed(1.0, n=200)])
    with pytest.raises(MetricError, match="no seeds"):
        combine_seeds([])
    for influences in ([np.zeros(100)], [np.zeros(100), np.zeros(99)], [np.zeros(100), np.full(100, np.nan)]):
        with pytest.raises(MetricError, match="influence values"):
            combine_seeds([seed(1.0)] * 2, influences)
