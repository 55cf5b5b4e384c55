"""From images to a number: what is wrong is said, and odd but valid images have a defined result."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from feature_samples import sample

from ganqbench.metrics import MetricError, frechet, frechet_delta, frechet_paired, kid, prdc
from ganqbench.metrics.checks import finite_uint8
from ganqbench.metrics.extractors import EmbeddedExtractor
from ganqbench.metrics.frechet_distance import frechet_from_moments
from ganqbench.metrics.reference import Reference


@pytest.fixture(scope="module")
def extractor() -> EmbeddedExtractor:
    return EmbeddedExtractor()


@pytest.fixture(scope="module")
def real(extractor: EmbeddedExtractor) -> npt.NDArray[np.float32]:
    pixels = np.random.default_rng(0).integers(0, 256, (240, 3, 32, 32), dtype=np.uint8)
    return extractor.features(pixels)


def test_constant_images_have_a_defined_distance(
    extractor: EmbeddedExtractor, real: npt.NDArray[np.float32]
) -> None:
    gray = extractor.features(np.full((200, 3, 32, 32), 128, np.uint8))
    assert (gray == gray[0]).all()
    reference = Reference.from_features(real).keeping(real)
    estimate = frechet(reference, gray)
    exact = real.astype(np.float64)
    expected = ((exact.mean(axis=0) - gray[0]) ** 2).sum() + exact.var(axis=0, ddof=1).sum()
    assert estimate.value == pytest.approx(expected, rel=1e-6)
    assert "no measurable variance" in str(estimate.note)
    assert frechet_delta(reference, gray, gray).value == 0
    assert kid(reference, gray).value > 0
    assert prdc(reference, gray)["precision"].value == 0


def test_fewer_images_than_features_have_a_value_and_no_interval(
    extractor: EmbeddedExtractor, real: npt.NDArray[np.float32]
) -> None:
    few = extractor.features(np.random.default_rng(1).integers(0, 256, (50, 3, 32, 32), dtype=np.uint8))
    estimate = frechet(real, few)
    assert estimate.value > 0
    assert (estimate.low, estimate.high) == (None, None)
    assert "50 images for 192 features" in str(estimate.note)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.full((2, 3, 8, 8), torch.nan), r"NaN or infinite pixels \(batch positions \[0, 1\]\)"),
        (torch.full((2, 3, 8, 8), -torch.inf), "NaN or infinite"),
        (torch.full((2, 3, 8, 8), 255.0), r"not \[-1, 1\]"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.int32), "not float"),
        (torch.zeros(2, 8, 8, 3), r"not \[N, 3, H, W\]"),
    ],
)
def test_images_out_of_range_or_not_finite_are_refused(images: torch.Tensor, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        finite_uint8(images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 3, 32, 32)), "float64, not uint8"),
        (np.zeros((2, 32, 32, 3), np.uint8), r"not \[N, 3, H, W\]"),
        (np.zeros((2, 1, 32, 32), np.uint8), r"not \[N, 3, H, W\]"),
        (np.zeros((2, 3, 0, 32), np.uint8), "have no pixels"),
    ],
)
def test_images_of_another_kind_are_refused(extractor: EmbeddedExtractor, images: Any, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        extractor.features(images)


def test_features_of_a_broken_network_are_refused(real: npt.NDArray[np.float32]) -> None:
    broken = real.copy()
    broken[7, 0] = np.nan
    for measure in (frechet, kid, prdc):
        with pytest.raises(MetricError, match=r"NaN or infinity in rows \[7\]"):
            measure(real, broken)  # type: ignore[operator]


REAL = sample(40, 4, 0)
BROKEN = REAL.copy()
BROKEN[7, 2] = np.nan
INFINITE = REAL.copy()
INFINITE[9, 0] = -np.inf


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (REAL, BROKEN, r"fake features hold NaN or infinity in rows \[7\]"),
        (INFINITE, REAL, r"reference features hold NaN or infinity in rows \[9\]"),
        (REAL, REAL[:, :3], "3 columns, the others 4"),
        (REAL, REAL[0], r"not \[N, d\]"),
        (REAL, REAL[:1], "at least 2"),
        (REAL, REAL[:, :0], r"not \[N, d\]"),
        (REAL, REAL.astype(np.int32), "not floating point"),
    ],
)
def test_bad_features_are_refused(real: Any, fake: Any, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        frechet(real, fake)


def test_unpaired_rows_are_refused() -> None:
    with pytest.raises(MetricError, match="not paired"):
        frechet_delta(REAL, REAL, REAL[:-1])
    with pytest.raises(MetricError, match="not paired"):
        frechet_paired(REAL, REAL[:-1])
    with pytest.raises(MetricError, match="3 cluster labels for 40"):
        frechet(REAL, REAL + 1, ["a", "b", "c"])


def test_moments_alone_need_more_images_than_features() -> None:
    reference = Reference.from_features(REAL)
    with pytest.raises(MetricError, match="keep the features"):
        frechet_from_moments(reference, np.zeros(4), np.eye(4), 4)
    with pytest.raises(MetricError, match="moments of 3 features"):
        frechet_from_moments(reference, np.zeros(3), np.eye(3), 40)
    with pytest.raises(MetricError, match="NaN"):
        frechet_from_moments(reference, np.zeros(4), np.full((4, 4), np.nan), 40)
