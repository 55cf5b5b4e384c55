"""Inception score: known values, its interval and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from ganqbench.metrics import MetricError
from ganqbench.metrics.inception_score import inception_score


def test_equals_the_definition() -> None:
    logits = 3 * np.random.default_rng(0).standard_normal((200, 10))
    p = softmax(logits, axis=1)
    expected = np.exp(np.mean([entropy(row, p.mean(axis=0)) for row in p]))
    assert inception_score(logits).value == pytest.approx(expected, rel=1e-12)


def test_sure_and_balanced_classes_score_their_number_and_equal_images_score_one() -> None:
    logits = 1e4 * np.eye(10)[np.arange(50) % 10]
    assert inception_score(logits).value == pytest.approx(10)
    assert inception_score(np.ones((50, 10))).value == pytest.approx(1)
    assert inception_score(1e4 * np.eye(10)[np.zeros(50, int)]).value == pytest.approx(1)


def test_intervals_cover_the_expectation() -> None:
    rng = np.random.default_rng(1)
    draws = [inception_score(2 * rng.standard_normal((400, 5)) + np.arange(5)) for _ in range(400)]
    expectation = np.mean([draw.value for draw in draws])
    hits = [float(d.low or 0) <= expectation <= float(d.high or 0) for d in draws]
    assert 0.92 <= np.mean(hits) <= 0.98


def test_clusters_and_bad_input() -> None:
    assert inception_score(np.eye(4), ["one"] * 4).low is None
    with pytest.raises(MetricError, match="NaN"):
        inception_score(np.full((3, 2), np.nan))
