"""Verdicts: their definition, and that fewer images never earn one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ganqbench.metrics import Estimate, MetricError, Verdict, frechet, frechet_delta, verdict
from ganqbench.metrics.reference import Reference


def estimate(low: float | None, high: float | None, n: int = 1000) -> Estimate:
    return Estimate(0.0, None, low, high, n)


FP32 = Estimate(10.0, 0.1, 9.8, 10.2, 1000)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.3, -0.1, Verdict.BETTER),
        (-0.3, 0.0, Verdict.NO_WORSE),
        (-0.1, 0.2, Verdict.NO_WORSE),
        (0.1, 0.2, Verdict.NO_WORSE),
        (-0.1, 0.21, Verdict.NOT_DECIDED),
        (0.0, 0.21, Verdict.NOT_DECIDED),
        (0.01, 0.21, Verdict.WORSE),
        (None, None, Verdict.NOT_DECIDED),
        (float("nan"), -1.0, Verdict.NOT_DECIDED),
        (-math.inf, -1.0, Verdict.NOT_DECIDED),
    ],
)
def test_definition(low: float | None, high: float | None, expected: Verdict) -> None:
    assert verdict(estimate(low, high), FP32, 1000) is expected


@given(
    low=st.floats(-5, 5),
    width=st.floats(0, 5),
    n=st.integers(2, 3000),
    fp32_n=st.integers(2, 3000),
    suite_n=st.integers(2, 3000),
    margin=st.floats(1e-6, 1),
)
def test_only_the_suites_own_n_earns_a_claim(
    low: float, width: float, n: int, fp32_n: int, suite_n: int, margin: float
) -> None:
    assume(not n == fp32_n == suite_n)
    fp32 = Estimate(10.0, 0.1, 9.8, 10.2, fp32_n)
    assert verdict(estimate(low, low + width, n), fp32, suite_n, margin) is Verdict.NOT_DECIDED


@given(low=st.floats(-5, 5), width=st.floats(0, 5), wider=st.floats(0, 5))
def test_a_wider_interval_earns_no_claim_that_a_narrower_did_not(
    low: float, width: float, wider: float
) -> None:
    claim = verdict(estimate(low - wider, low + width + wider), FP32, 1000)
    if claim in (Verdict.BETTER, Verdict.NO_WORSE):
        assert verdict(estimate(low, low + width), FP32, 1000) in (Verdict.BETTER, Verdict.NO_WORSE)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(2, 399), seed=st.integers(0, 100), error=st.floats(0, 0.5))
def test_cutting_images_of_a_real_measurement_never_earns_a_claim(n: int, seed: int, error: float) -> None:
    rng = np.random.default_rng(seed)
    reference = Reference.from_moments(np.zeros(3), np.eye(3), 10_000)
    fp32 = 1.2 * rng.standard_normal((400, 3))
    quantized = fp32 + error * rng.standard_normal((400, 3))
    whole = verdict(frechet_delta(reference, fp32, quantized), frechet(reference, fp32), 400)
    assert isinstance(whole, Verdict)
    cut = verdict(frechet_delta(reference, fp32[:n], quantized[:n]), frechet(reference, fp32[:n]), 400)
    assert cut is Verdict.NOT_DECIDED


@pytest.mark.parametrize(("suite_n", "margin"), [(0, 0.02), (1000, 0.0), (1000, -1.0), (1000, math.nan)])
def test_senseless_terms_are_refused(suite_n: int, margin: float) -> None:
    with pytest.raises(MetricError, match="positive margin"):
        verdict(estimate(-1, 1), FP32, suite_n, margin)
