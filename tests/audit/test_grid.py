"""The grid finder: complete on quantized values, never fooled by continuous ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganqbench.audit.grid import MAX_LEVELS, ROUNDING, Grid, find_grid
from ganqbench.audit.operands import judge_weight

QUICK = settings(max_examples=80, deadline=None)
seeds = st.integers(0, 2**32 - 1)
widths = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16])


def codes(rng: np.random.Generator, bits: int, count: int) -> NDArray[np.float32]:
    return rng.integers(0, 2**bits, count).astype(np.float32)


@QUICK
@given(seeds, widths, st.integers(1, 400), st.floats(-12, 6), st.booleans(), st.floats(0, 1))
def test_dequantized_values_need_no_more_levels_than_they_have(
    seed: int, bits: int, count: int, exponent: float, separate: bool, middle: float
) -> None:
    rng = np.random.default_rng(seed)
    q, scale = codes(rng, bits, count), np.float32(rng.uniform(1, 2) * 10.0**exponent)
    zero = np.float32(round(middle * (2**bits - 1)))
    values = q * scale - zero * scale if separate else (q - zero) * scale
    grid = find_grid(values)
    assert grid is not None
    assert grid.levels <= 2**bits
    assert grid.holds(values.astype(np.float64))


@QUICK
@given(seeds, st.integers(2, 8), st.integers(3, 300), st.floats(-1, 1))
def test_a_float_offset_and_rescaling_are_still_one_grid(
    seed: int, bits: int, count: int, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    scale = np.float32(rng.uniform(0.001, 0.1))
    values = (codes(rng, bits, count) * scale + np.float32(shift * scale * 2**bits)) * np.float32(0.7)
    grid = find_grid(values)
    assert grid is not None
    assert grid.levels <= 2**bits


@QUICK
@given(seeds, st.integers(12, 2000), st.sampled_from(["normal", "uniform", "half"]))
def test_continuous_values_lie_on_no_grid(seed: int, count: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count) if kind != "uniform" else rng.uniform(-1, 1, count)
    if kind == "half":
        values = np.maximum(values, 0)  # as after ReLU
        assume(np.count_nonzero(values) >= 8)
    assert find_grid(values.astype(np.float32)) is None


@QUICK
@given(seeds, st.sampled_from([4, 6, 8]), st.integers(3, 12))
def test_few_continuous_values_convince_nobody(seed: int, bits: int, per_channel: int) -> None:
    rng = np.random.default_rng(seed)
    judged = judge_weight(rng.normal(size=(32, per_channel)).astype(np.float32).astype(np.float64))
    assert judged.levels is None or judged.levels > 2**bits


@pytest.mark.parametrize("per_channel", [1, 2])
def test_channels_of_one_or_two_values_are_no_evidence(per_channel: int) -> None:
    weight = np.random.default_rng(0).normal(size=(64, per_channel)).astype(np.float32)
    assert judge_weight(weight.astype(np.float64)).levels is None


def test_an_accident_is_as_likely_as_the_formula_says() -> None:
    """By hand: of n reals all but the extremes have to fall within the tolerance of one of the levels."""
    eleven = Grid(step=0.5, offset=0.0, levels=11, distinct=11, elements=11, tolerance=0.01)
    assert eleven.log_accident(16) == pytest.approx(9 * math.log(2 * 0.01 * 15 / 5) + math.log(15))
    constant = Grid(step=0.0, offset=1.0, levels=1, distinct=1, elements=100, tolerance=0.1)
    assert constant.log_accident(16) == pytest.approx(98 * math.log(2 * ROUNDING * 16) + math.log(15))


@pytest.mark.parametrize("tolerance", [0.06, 0.07], ids=["hit by one value", "hit by all"])
def test_no_number_of_accidents_is_more_than_certain(tolerance: float) -> None:
    grid = Grid(step=1.0, offset=0.0, levels=3, distinct=3, elements=3, tolerance=tolerance)
    assert grid.log_accident(16) == 0.0


def test_values_that_differ_by_their_rounding_are_one_level() -> None:
    grid = find_grid(np.array([1, 1 + 1.5 * 2.0**-20], np.float64))
    assert grid is not None
    assert grid.levels == 1


def test_the_smallest_gap_may_be_several_steps() -> None:
    assert find_grid(np.array([0, 6, 10, 15], np.float32) * np.float32(0.037)).levels == 16  # type: ignore[union-attr]
    assert find_grid(np.array([0, 4, 10, 250], np.float32)).levels == 126  # type: ignore[union-attr]


def test_sixteen_bits_are_told_from_none() -> None:
    rng = np.random.default_rng(1)
    values = (codes(rng, 16, 5000) - np.float32(30000)) * np.float32(1.7e-4)
    grid = find_grid(values)
    assert grid is not None
    assert 2**15 < grid.levels <= 2**16
    assert find_grid(values, max_levels=2**12) is None
    with pytest.raises(ValueError, match="levels"):
        find_grid(values, MAX_LEVELS + 1)


def test_a_codebook_is_no_grid() -> None:
    rng = np.random.default_rng(2)
    book = rng.normal(size=16).astype(np.float32)
    assert find_grid(book[rng.integers(0, 16, 4000)]) is None


def test_one_value_off_the_grid_is_found_among_a_million() -> None:
    rng = np.random.default_rng(3)
    values = ((codes(rng, 8, 1_000_000) - 100) * np.float32(0.013)).astype(np.float64)
    assert find_grid(values).levels == 256  # type: ignore[union-attr]
    values[123_457] += 0.3 * 0.013
    grid = find_grid(values)
    assert grid is None or grid.levels > 256


def test_a_finer_step_that_the_sample_missed_is_found() -> None:
    values = np.zeros(1_000_000)
    values[:: 1_000_000 // 8192 | 1] = 2.0
    values[-1], values[5], values[77_777] = 200.0, 1.0, 0.25
    grid = find_grid(values)
    assert grid is not None
    assert grid.step == pytest.approx(0.25)
    assert grid.levels == 801


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_on_no_grid(bad: float) -> None:
    assert find_grid(np.array([0.0, 1.0, bad])) is None
    assert find_grid(np.append(np.zeros(100_000), bad)) is None
    assert find_grid(np.array([])) is None


def test_constant_and_pruned_channels_pass_beside_others() -> None:
    rng = np.random.default_rng(4)
    weight = (codes(rng, 4, 8 * 36).reshape(8, 36) - 8) * rng.uniform(0.01, 0.02, (8, 1)).astype(np.float32)
    weight[1], weight[2], weight[3, :34] = 0, weight[2, 0], 0
    judged = judge_weight(weight.astype(np.float64))
    assert judged.levels is not None
    assert judged.levels <= 16
    assert (judged.granularity, judged.groups) == ("channel", 8)


def test_binary_weights_are_one_bit() -> None:
    signs = np.sign(np.random.default_rng(5).normal(size=(8, 27)))
    judged = judge_weight(signs * np.linspace(0.1, 0.3, 8)[:, None])
    assert judged.levels == 2


def test_a_scale_per_input_channel_is_no_scale_group() -> None:
    rng = np.random.default_rng(6)
    weight = (codes(rng, 4, 16 * 12 * 9).reshape(16, 12, 9) - 8) * rng.uniform(0.5, 1, (1, 12, 1)).astype(
        np.float32
    )
    assert judge_weight(weight.reshape(16, -1).astype(np.float64)).levels is None
