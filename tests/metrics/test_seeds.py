"""Seeds of one row: calibration and sampling uncertainty kept apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ganqbench.metrics import Estimate, MetricError
from ganqbench.metrics.seeds import combine_seeds


def seed(value: float, se: float | None = 0.5, n: int = 100) -> Estimate:
    return Estimate(value, se, None, None, n)


def test_between_and_within_are_reported_apart() -> None:
    summary = combine_seeds([seed(1.0, 0.3), seed(2.0, 0.4), seed(4.0, 0.5)])
    assert summary.mean == pytest.approx(7 / 3)
    assert summary.calibration_sd == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert summary.sampling_se == pytest.approx(np.sqrt((0.09 + 0.16 + 0.25) / 3))
    expected = stats.t.interval(0.95, 2, 7 / 3, stats.sem([1, 2, 4]))
    assert (summary.low, summary.high) == pytest.approx(expected)


def test_one_seed_says_nothing_about_calibration() -> None:
    summary = combine_seeds([seed(1.0)])
    assert (summary.mean, summary.sampling_se, summary.seeds) == (1.0, 0.5, 1)
    assert (summary.calibration_sd, summary.low, summary.high) == (None, None, None)


def test_a_seed_without_standard_error_leaves_none() -> None:
    assert combine_seeds([seed(1.0), seed(2.0, None)]).sampling_se is None


def test_seeds_of_different_n_or_none_are_refused() -> None:
    with pytest.raises(MetricError, match=r"\[100, 200\] images"):
        combine_seeds([seed(1.0), seed(1.0, n=200)])
    with pytest.raises(MetricError, match="no seeds"):
        combine_seeds([])
