"""Precision, recall, density and coverage against the prdc package, intervals and bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ganqbench.metrics import MetricError, manifold, prdc

Array = npt.NDArray[np.float64]
NAMES = ("precision", "recall", "density", "coverage")


def rows(n: int, seed: int, scale: float = 1.0, dim: int = 6) -> Array:
    return scale * np.random.default_rng(seed).standard_normal((n, dim))


def values(real: Array, fake: Array, k: int = 5) -> dict[str, float]:
    return {name: estimate.value for name, estimate in prdc(real, fake, k).items()}


def by_definition(real: Array, fake: Array, k: int) -> dict[str, float]:
    def distances(x: Array, y: Array) -> Array:
        result: Array = np.linalg.norm(x[:, None] - y[None], axis=2)
        return result

    real_radii = np.sort(distances(real, real), axis=1)[:, k]
    fake_radii = np.sort(distances(fake, fake), axis=1)[:, k]
    across = distances(real, fake)
    inside = across < real_radii[:, None]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float((across < fake_radii).any(axis=1).mean()),
        "density": float(inside.sum(axis=0).mean() / k),
        "coverage": float((across.min(axis=1) < real_radii).mean()),
    }


@pytest.mark.parametrize(("n", "m", "k", "scale"), [(90, 120, 5, 1.0), (120, 70, 3, 1.5), (50, 50, 1, 0.7)])
def test_equals_the_definition(n: int, m: int, k: int, scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = rows(m, 0), rows(n, 1, scale)
    expected = pytest.approx(by_definition(real, fake, k), rel=1e-12)
    assert values(real, fake, k) == expected
    monkeypatch.setattr(manifold, "_BLOCK_VALUES", 500)  # a few rows at a time
    assert values(real, fake, k) == expected


def test_equals_the_prdc_package(capsys: pytest.CaptureFixture[str]) -> None:
    package: Any = pytest.importorskip("prdc")
    compute: Callable[..., dict[str, float]] = package.compute_prdc
    real, fake = rows(700, 0), rows(500, 1, 1.2)
    assert values(real, fake) == pytest.approx(compute(real, fake, 5), rel=1e-12)


def test_disjoint_and_well_mixed_samples() -> None:
    real = rows(100, 0)
    assert set(values(real, real + 100).values()) == {0.0}
    mixed = values(real, real + 1e-9 * rows(100, 1))
    assert (mixed["precision"], mixed["recall"], mixed["coverage"]) == (1.0, 1.0, 1.0)


def test_duplicates_and_constants_are_defined() -> None:
    constant = np.ones((20, 3))
    assert set(values(constant, constant).values()) == {0.0}  # balls of radius 0 hold nothing


def test_intervals_cover_the_expectation() -> None:
    real = rows(150, 0, dim=4)
    draws = [prdc(real, rows(150, 1000 + seed, 1.2, dim=4)) for seed in range(300)]
    for name, upper in (("precision", 0.98), ("density", 0.98), ("coverage", 1.0)):
        expectation = np.mean([draw[name].value for draw in draws])
        hits = [float(d[name].low or 0) <= expectation <= float(d[name].high or 0) for d in draws]
        assert 0.92 <= np.mean(hits) <= upper
    assert draws[0]["recall"].low is None


def test_a_perfect_share_is_still_uncertain() -> None:
    real = rows(100, 0)
    precision = prdc(real, real[:50] + 1e-9)["precision"]
    assert (precision.value, precision.high) == (1.0, 1.0)
    assert precision.low == pytest.approx(1 - 1.96**2 / (50 + 1.96**2), rel=1e-4)


def test_large_samples_are_thinned_by_the_generator_handed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifold, "LIMIT", 60)
    real, fake = rows(150, 0), rows(130, 1)
    with pytest.raises(MetricError, match="hand in a seeded generator"):
        prdc(real, fake)
    first = prdc(real, fake, rng=np.random.default_rng(3))
    assert first == prdc(real, fake, rng=np.random.default_rng(3))
    assert first["precision"].n == 60
    labels = [f"glyph {i // 2}" for i in range(130)]
    assert prdc(real, fake, rng=np.random.default_rng(3), clusters=labels)["density"].n == 60


def test_clusters_widen_the_intervals() -> None:
    real, fake = rows(100, 0), np.repeat(rows(30, 1, 1.2), 4, axis=0) + 1e-6 * rows(120, 2)
    labels = np.repeat(np.arange(30), 4).tolist()
    alone, grouped = prdc(real, fake, k=8), prdc(real, fake, k=8, clusters=labels)
    for name in ("precision", "density"):
        assert grouped[name].value == pytest.approx(alone[name].value)
        assert float(grouped[name].se or 0) > 1.5 * float(alone[name].se or 0)
    one = prdc(real, fake, clusters=["one"] * 120)
    assert {estimate.low for estimate in one.values()} == {None}


REAL = rows(20, 0)
BROKEN = REAL.copy()
BROKEN[3, 1] = np.nan


@pytest.mark.parametrize(
    ("real", "fake", "k", "message"),
    [
        (REAL, BROKEN, 5, "NaN or infinity"),
        (REAL, REAL[:, :4], 5, "columns"),
        (REAL, REAL[:5], 5, "more than k rows"),
        (REAL, REAL, 0, "more than k rows"),
        (REAL, 1e200 * REAL, 5, "overflow"),
        (1e200 * REAL, REAL, 5, "overflow"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_bad_input_is_refused(real: Any, fake: Any, k: int, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        prdc(real, fake, k)
    with pytest.raises(MetricError, match="cluster labels"):
        prdc(REAL, REAL, clusters=["a"])
