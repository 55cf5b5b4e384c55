"""PSNR, SSIM and mean absolute error against scikit-image, and the state that holds them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ganqbench.metrics import MetricError, PairedFidelity
from ganqbench.metrics.checks import finite_uint8
from ganqbench.metrics.fidelity import mean_absolute_error, psnr
from ganqbench.metrics.ssim import ssim

Images = npt.NDArray[np.uint8]


def pairs(n: int, height: int = 24, width: int = 20, seed: int = 0) -> tuple[Images, Images]:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (n, 3, height, width))
    amount = rng.integers(1, 60, (n, 1, 1, 1))
    noisy = np.clip(base + rng.integers(-1, 2, base.shape) * amount, 0, 255)
    return base.astype(np.uint8), noisy.astype(np.uint8)


def smooth(size: int, phase: float) -> Images:
    """A low-contrast ramp, where the covariances nearly cancel."""
    y, x = np.mgrid[:size, :size] / size
    plane = 120 + 6 * np.sin(3 * x + phase) + 5 * y
    return np.stack([plane, plane + 3, plane - 9])[None].astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(11, 11), (12, 40), (32, 32), (129, 130)])
def test_ssim_and_psnr_equal_scikit_image(height: int, width: int) -> None:
    first, second = pairs(3, height, width)
    expected = [
        structural_similarity(
            x,
            y,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
        for x, y in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(ssim(first, second), expected, rtol=0, atol=1e-12)
    ratios = [peak_signal_noise_ratio(x, y, data_range=255) for x, y in zip(first, second, strict=True)]
    np.testing.assert_allclose(psnr(first, second), ratios, rtol=1e-12)


def test_ssim_equals_scikit_image_on_smooth_and_constant_images() -> None:
    cases = [
        smooth(40, 0.0),
        smooth(40, 0.4),
        np.full((1, 3, 40, 40), 7, np.uint8),
        np.full((1, 3, 40, 40), 255, np.uint8),
    ]
    for first in cases:
        for second in cases:
            expected = structural_similarity(
                first[0], second[0], channel_axis=0, gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False, data_range=255,
            )  # fmt: skip
            assert ssim(first, second)[0] == pytest.approx(expected, abs=1e-11)


def test_identical_images_are_perfect() -> None:
    first, _ = pairs(4)
    fidelity = PairedFidelity()
    fidelity.update(range(4), first, first)
    result = fidelity.result(lambda item: item)
    assert (result["psnr"].value, result["psnr"].worst) == (100.0, 100.0)
    assert result["ssim"].value == pytest.approx(1.0, abs=1e-12)
    assert (result["mae"].value, result["mae"].se) == (0.0, 0.0)


def test_one_changed_pixel_in_a_large_image_is_below_the_cap() -> None:
    first = np.zeros((1, 3, 1024, 1024), np.uint8)
    second = first.copy()
    second[0, 0, 0, 0] = 1
    assert psnr(first, second)[0] == 100.0  # 113 dB without the cap
    second[0, 0, 0, 0] = 255
    assert psnr(first, second)[0] == pytest.approx(10 * math.log10(3 * 1024 * 1024))


def test_mean_absolute_error_is_in_pixel_units() -> None:
    black = np.zeros((2, 3, 12, 12), np.uint8)
    white = np.full_like(black, 255)
    assert mean_absolute_error(black, white).tolist() == [255.0, 255.0]
    assert mean_absolute_error(white, black).tolist() == [255.0, 255.0]
    assert psnr(white, black).tolist() == [0.0, 0.0]


def test_worst_image_is_the_least_similar_one() -> None:
    first, second = pairs(6)
    fidelity = PairedFidelity()
    fidelity.update(range(6), first, second)
    result = fidelity.result(lambda item: item)
    values = fidelity.per_image()
    assert result["psnr"].worst == values["psnr"].min()
    assert result["ssim"].worst == values["ssim"].min()
    assert result["mae"].worst == values["mae"].max()
    assert result["psnr"].value == pytest.approx(values["psnr"].mean())


@settings(deadline=None, max_examples=25)
@given(
    order=st.permutations(range(9)),
    cuts=st.lists(st.integers(0, 9), max_size=4),
    shards=st.sampled_from([1, 2, 5]),
)
def test_batches_order_and_shards_change_no_bit(order: list[int], cuts: list[int], shards: int) -> None:
    first, second = pairs(9, 40, 33)
    whole = PairedFidelity()
    whole.update(range(9), first, second)
    parts = [PairedFidelity() for _ in range(shards)]
    edges = [0, *sorted(cuts), 9]
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        batch = order[start:end]
        parts[number % shards].update(batch, first[batch], second[batch])
    merged = PairedFidelity()
    for part in reversed(parts):
        merged.merge(PairedFidelity.from_state(part.state()))
    assert merged.items == list(range(9))
    for metric, values in whole.per_image().items():
        assert values.tobytes() == merged.per_image()[metric].tobytes()
    assert whole.result(lambda i: i // 2) == merged.result(lambda i: i // 2)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000))
def test_metrics_are_symmetric_and_bounded(seed: int) -> None:
    first, second = pairs(2, 13, 12, seed)
    for metric, low, high in ((psnr, 0, 100), (ssim, -1, 1), (mean_absolute_error, 0, 255)):
        values = metric(first, second)
        np.testing.assert_allclose(values, metric(second, first), rtol=1e-13)
        assert (low <= values).all()
        assert (values <= high).all()


def test_tensors_are_taken_as_arrays_are() -> None:
    first, second = pairs(2)
    ours, theirs = PairedFidelity(), PairedFidelity()
    ours.update(range(2), torch.from_numpy(first), torch.from_numpy(second))
    theirs.update(range(2), first, second)
    assert ours == theirs


def test_a_repeated_item_must_be_the_same() -> None:
    first, second = pairs(3)
    fidelity = PairedFidelity()
    fidelity.update([4, 5], first[:2], second[:2])
    fidelity.update([5, 6], first[1:], second[1:])
    assert len(fidelity) == 3
    with pytest.raises(MetricError, match="item 5 came twice"):
        fidelity.update([5], first[:1], second[:1])


def test_an_empty_state_merges_and_restores() -> None:
    fidelity = PairedFidelity.from_state(PairedFidelity().state())
    fidelity.merge(PairedFidelity())
    assert len(fidelity) == 0
    with pytest.raises(MetricError, match="no values"):
        fidelity.result(lambda item: item)


GOOD = np.zeros((2, 3, 12, 12), np.uint8)


@pytest.mark.parametrize(
    ("indices", "reference", "candidate", "message"),
    [
        ([0, 1], GOOD.astype(np.float32), GOOD, "float32, not uint8"),
        ([0, 1], GOOD, GOOD.astype(np.int64), "int64, not uint8"),
        ([0, 1], GOOD[0], GOOD[0], r"not \[N, 3, H, W\]"),
        ([0, 1], GOOD[:, :1], GOOD[:, :1], r"not \[N, 3, H, W\]"),
        ([0, 1], GOOD.transpose(0, 2, 3, 1), GOOD.transpose(0, 2, 3, 1), r"not \[N, 3, H, W\]"),
        ([0, 1], GOOD, GOOD[:1], "differ"),
        ([0], GOOD, GOOD, "1 indices for 2 items"),
        ([1, 1], GOOD, GOOD, "distinct"),
        ([-1, 0], GOOD, GOOD, "not negative"),
        ([0, 1], GOOD[..., :10], GOOD[..., :10], "at least 11 pixels, not 12x10"),
    ],
)
def test_bad_batches_are_refused(indices: list[int], reference: Any, candidate: Any, message: str) -> None:
    fidelity = PairedFidelity()
    with pytest.raises(MetricError, match=message):
        fidelity.update(indices, reference, candidate)
    assert len(fidelity) == 0


def test_a_change_of_size_is_refused() -> None:
    fidelity = PairedFidelity()
    fidelity.update([0, 1], GOOD, GOOD)
    other = np.zeros((1, 3, 16, 16), np.uint8)
    with pytest.raises(MetricError, match="after images of"):
        fidelity.update([2], other, other)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_images_that_are_not_finite_are_refused(value: float) -> None:
    images = torch.zeros(3, 3, 4, 4)
    images[1, 2, 3, 0] = value
    with pytest.raises(MetricError, match=r"NaN or infinite pixels \(batch positions \[1\]\)"):
        finite_uint8(images)


def test_images_of_the_wrong_range_dtype_or_shape_are_refused() -> None:
    with pytest.raises(MetricError, match="span"):
        finite_uint8(torch.full((1, 3, 4, 4), 200.0))
    with pytest.raises(MetricError, match="not float"):
        finite_uint8(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    with pytest.raises(MetricError, match=r"not \[N, 3, H, W\]"):
        finite_uint8(torch.zeros(1, 4, 4))


def test_finite_images_are_rounded_and_clamped() -> None:
    images = torch.tensor([-1.7, -1.0, 0.0, 1.0, 1.3]).expand(1, 3, 1, 5)
    assert finite_uint8(images)[0, 0, 0].tolist() == [0, 0, 128, 255, 255]
    assert finite_uint8(images[:0]).shape == (0, 3, 1, 5)
