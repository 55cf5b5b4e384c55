"""Fréchet distances against clean-fid and the nuclear norm, and their invariants."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
import torch
from feature_samples import Array, generated, sample
from hypothesis import given, settings
from hypothesis import strategies as st

from ganqbench.metrics import Estimate, checks, frechet, frechet_delta, frechet_paired
from ganqbench.metrics.frechet_distance import frechet_from_moments
from ganqbench.metrics.gaussian_fit import Fit
from ganqbench.metrics.reference import Reference


def nuclear(real: Array, fake: Array) -> float:
    """The distance by singular values of the two centred samples: no matrix root, exact for any N."""
    x = (fake - fake.mean(axis=0)) / np.sqrt(len(fake) - 1)
    y = (real - real.mean(axis=0)) / np.sqrt(len(real) - 1)
    shared = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    difference = fake.mean(axis=0) - real.mean(axis=0)
    return float(difference @ difference + (x * x).sum() + (y * y).sum() - 2 * shared)


@pytest.mark.parametrize(("dim", "n"), [(4, 100), (64, 700), (192, 500)])
def test_equals_clean_fid(dim: int, n: int) -> None:
    from cleanfid.fid import frechet_distance

    real, fake = sample(800, dim, 0), generated(n, dim, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy deprecates the argument that clean-fid passes
        expected = frechet_distance(fake.mean(axis=0), np.cov(fake.T), real.mean(axis=0), np.cov(real.T))
    assert frechet(real, fake).value == pytest.approx(expected, rel=1e-8)
    assert frechet(real, fake).value == pytest.approx(nuclear(real, fake), rel=1e-9)
    moments = frechet_from_moments(Reference.from_features(real), fake.mean(axis=0), np.cov(fake.T), n)
    assert moments == pytest.approx(expected, rel=1e-8)


def test_equals_clean_fid_with_hardly_more_images_than_features() -> None:
    from cleanfid.fid import frechet_distance

    dim = 1024
    real, fake = sample(dim * 1100 // 1024, dim, 0), generated(dim * 1050 // 1024, dim, 1)
    reference = Reference.from_features(real)
    mean, covariance = fake.mean(axis=0), np.cov(fake.T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy deprecates the argument that clean-fid passes
        expected = frechet_distance(mean, covariance, real.mean(axis=0), np.cov(real.T))
    assert frechet_from_moments(reference, mean, covariance, len(fake)) == pytest.approx(expected, rel=1e-6)
    assert Fit.of("fake", fake, reference).value == pytest.approx(expected, rel=1e-6)
    few = fake[: dim // 7]
    assert Fit.of("few", few, reference).value == pytest.approx(nuclear(real, few), rel=1e-9)


@pytest.mark.parametrize(("dim", "n", "m"), [(64, 20, 300), (64, 64, 300), (64, 40, 30), (128, 60, 200)])
def test_few_images_give_the_nuclear_norm_and_no_interval(dim: int, n: int, m: int) -> None:
    real, fake = sample(m, dim, 0), generated(n, dim, 1)
    estimate = frechet(real, fake)
    assert estimate.value == pytest.approx(nuclear(real, fake), rel=1e-9)
    assert (estimate.se, estimate.low, estimate.high) == (None, None, None)
    assert "no interval, no rank" in str(estimate.note)
    delta = frechet_delta(real, fake, fake * 1.1)
    assert delta.value == pytest.approx(nuclear(real, fake * 1.1) - nuclear(real, fake), rel=1e-8)
    assert delta.low is None
    assert frechet_paired(fake, 1.1 * fake).low is None


def test_few_real_images_are_no_obstacle() -> None:
    real, fake = sample(30, 64, 0), generated(700, 64, 1)
    assert frechet(real, fake).value == pytest.approx(nuclear(real, fake), rel=1e-9)


def test_gaussians_with_known_distance() -> None:
    rng = np.random.default_rng(0)
    white = rng.standard_normal((400, 3))
    white -= white.mean(axis=0)
    white @= np.linalg.inv(np.linalg.cholesky(np.cov(white.T))).T
    fake = 3 * white + [2.0, 0.0, 1.0]  # |delta|^2 + sum (3 - 1)^2
    assert frechet(white, fake).value == pytest.approx(5 + 12, rel=1e-12)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_invariants(seed: int, scale: float, shift: float) -> None:
    real, fake = sample(60, 5, seed), generated(80, 5, seed + 1)
    base = frechet(real, fake)
    assert base.low is not None
    assert base.high is not None
    assert 0 <= base.low <= base.value <= base.high
    assert frechet(fake, real).value == pytest.approx(base.value, rel=1e-8)
    assert frechet(real + shift, fake + shift).value == pytest.approx(base.value, rel=1e-6)
    scaled = frechet(real * scale, fake * scale)
    assert scaled.value == pytest.approx(base.value * scale**2, rel=1e-8)
    assert scaled.se == pytest.approx(base.se * scale**2 if base.se is not None else None, rel=1e-6)
    order = np.random.default_rng(seed).permutation(80)
    assert frechet(real, fake[order]).value == pytest.approx(base.value, rel=1e-10)
    assert frechet(real, fake[order]).se == pytest.approx(base.se, rel=1e-8)


def test_a_delta_is_the_difference_and_far_tighter_than_either() -> None:
    real, fp32 = sample(2000, 16, 0), generated(800, 16, 1)
    quantized = fp32 + 0.02 * np.random.default_rng(2).standard_normal(fp32.shape)
    delta = frechet_delta(real, fp32, quantized)
    single = frechet(real, quantized)
    assert delta.value == pytest.approx(single.value - frechet(real, fp32).value, rel=1e-10)
    assert delta.se is not None
    assert single.se is not None
    assert delta.se < single.se / 5
    swapped = frechet_delta(real, quantized, fp32)
    assert swapped.value == pytest.approx(-delta.value, rel=1e-12)
    assert swapped.se == pytest.approx(delta.se, rel=1e-9)


def test_identical_outputs_differ_by_exactly_nothing() -> None:
    real, fp32 = sample(500, 8, 0), generated(200, 8, 1)
    delta = frechet_delta(real, fp32, fp32.copy())
    assert (delta.value, delta.se, delta.low, delta.high) == (0, 0, 0, 0)
    paired = frechet_paired(fp32, fp32.copy())
    assert paired.value == pytest.approx(0, abs=1e-12)
    assert paired.low == 0
    assert paired.high is not None
    assert paired.high < 1e-11


def test_influence_equals_the_jackknife() -> None:
    n = 400
    reference, fake = Reference.from_features(sample(500, 3, 0)), generated(n, 3, 1)
    quantized = np.round(fake * 4) / 4

    def single(keep: npt.NDArray[np.bool_]) -> float:
        return Fit.of("fake", fake[keep], reference).value

    def paired(keep: npt.NDArray[np.bool_]) -> float:
        return frechet_paired(fake[keep], quantized[keep]).value

    everything = np.arange(n)
    fit = Fit.of("fake", fake, reference)
    assert fit.influence is not None
    errors = [float(fit.influence.std(ddof=1)) / np.sqrt(n), frechet_paired(fake, quantized).se]
    for measure, se in zip((single, paired), errors, strict=True):
        left_out = [measure(everything != i) for i in range(n)]
        jackknife = (n - 1) / np.sqrt(n) * np.std(left_out, ddof=1)
        assert se == pytest.approx(jackknife, rel=0.03)


def test_leaving_a_row_out_is_foreseen_with_its_own_weight() -> None:
    n = 120
    rng = np.random.default_rng(0)
    reference = Reference.from_features(rng.standard_normal((500, 3)))
    fake = 1.3 * rng.standard_normal((n, 3)) ** 3  # a few rows outweigh all others
    fit = Fit.of("fake", fake, reference)
    assert fit.influence is not None
    without = [Fit.of("fake", np.delete(fake, i, axis=0), reference).value for i in range(n)]
    lost = (n - 1) * (fit.value - np.array(without))
    error, plain = (np.abs(lost - q - (lost - q).mean()).max() for q in (fit.jackknife(), fit.influence))
    assert error < plain / 5


def test_clusters_widen_the_interval() -> None:
    real, fake = sample(500, 4, 0), np.repeat(generated(100, 4, 1), 5, axis=0)
    fake += 1e-3 * np.random.default_rng(2).standard_normal(fake.shape)
    labels = np.repeat(np.arange(100), 5).tolist()
    alone, grouped = frechet(real, fake), frechet(real, fake, labels)
    assert alone.value == grouped.value
    assert alone.se is not None
    assert grouped.se is not None
    assert grouped.se > 2 * alone.se
    delta = frechet_delta(real, fake, np.round(fake, 1), labels)
    assert delta.se is not None
    assert frechet(real, fake, ["one"] * 500).low is None


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = sample(300, 6, 0), generated(200, 6, 1)
    quantized = np.round(fake, 1)

    def measured() -> list[Estimate]:
        return [frechet(real, fake), frechet_delta(real, fake, quantized), frechet_paired(fake, quantized)]

    expected = measured()
    monkeypatch.setattr(checks, "_BLOCK", 7)
    for found, one in zip(measured(), expected, strict=True):
        assert (found.value, found.se, found.low, found.high) == pytest.approx(
            (one.value, one.se, one.low, one.high), rel=1e-9
        )


def test_constant_features_give_a_defined_result() -> None:
    real = sample(300, 6, 0)
    constant = np.full((50, 6), 2.0)
    estimate = frechet(real, constant)
    expected = ((real.mean(axis=0) - 2) ** 2).sum() + np.trace(np.cov(real.T))
    assert estimate.value == pytest.approx(expected, rel=1e-12)
    assert "no measurable variance in 6" in str(estimate.note)
    assert frechet(constant, constant).value == 0
    assert frechet(constant, real).value == pytest.approx(expected, rel=1e-12)
    assert frechet_paired(constant, constant).value == 0


def test_a_dead_feature_changes_nothing() -> None:
    real, fake = sample(300, 6, 0), generated(200, 6, 1)
    wide_real, wide_fake = (np.insert(rows, 3, 0.25, axis=1) for rows in (real, fake))
    plain, wide = frechet(real, fake), frechet(wide_real, wide_fake)
    assert wide.value == pytest.approx(plain.value, rel=1e-9)
    assert wide.se == pytest.approx(plain.se, rel=1e-9)
    assert wide.note is None
    assert frechet_paired(wide_fake, 1.1 * wide_fake).se is not None


def test_float32_and_tensors_are_taken() -> None:
    real, fake = sample(300, 6, 0).astype(np.float32), generated(200, 6, 1).astype(np.float32)
    assert frechet(torch.from_numpy(real), torch.from_numpy(fake)) == frechet(real, fake)
    half = [torch.from_numpy(values).bfloat16() for values in (real, fake)]
    assert frechet(*half) == frechet(*(values.float() for values in half))


def test_a_note_says_when_images_are_too_few_to_rank() -> None:
    real = sample(300, 6, 0)
    assert "no rank" in str(frechet(real, generated(59, 6, 1)).note)
    assert frechet(real, generated(60, 6, 1)).note is None


def test_the_bend_is_the_second_derivative_along_the_influence() -> None:
    n = 400
    reference, fake = Reference.from_features(sample(500, 3, 0)), generated(n, 3, 1)
    fit = Fit.of("fake", fake, reference)
    assert fit.influence is not None
    centred = fit.influence - fit.influence.mean()
    step = 1e-3

    def moved(sign: float) -> float:
        weights = 1 / n + sign * step * centred / (centred @ centred)
        mean = weights @ fake
        rows = fake - mean
        covariance = (rows * weights[:, None]).T @ rows * n / (n - 1)
        return frechet_from_moments(reference, mean, covariance, n)

    assert moved(1) - moved(-1) == pytest.approx(2 * step, rel=0.01)
    second = (moved(1) - 2 * moved(0) + moved(-1)) / 2
    assert fit.bend(fit.influence, step) == pytest.approx(second, rel=0.02)
