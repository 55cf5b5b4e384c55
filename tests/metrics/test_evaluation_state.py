"""One state for a cell: the same bits over batches, orders, shards and resumptions, or a clear refusal."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganqbench.metrics import MetricError, checks, frechet, kid, moments, prdc
from ganqbench.metrics.evaluation_state import EvaluationState
from ganqbench.metrics.frechet_distance import frechet_from_moments
from ganqbench.metrics.metric_identity import FeatureIdentity
from ganqbench.metrics.reference import Reference

N, DIM = 1300, 6
NETWORK = FeatureIdentity("metric-net", "ab" * 32, "pil-bicubic-32")
SHIFT = np.linspace(-1, 1, DIM)
RNG = np.random.default_rng(0)
FEATURES = (RNG.standard_normal((N, DIM)) * [1, 10, 100, 0.1, 1, 1] + 3).astype(np.float32)
FP32 = RNG.integers(0, 256, (N, 3, 11, 11), dtype=np.uint8)
QUANTIZED = (FP32 ^ RNG.integers(0, 8, FP32.shape, dtype=np.uint8)).astype(np.uint8)
PERCEPTUAL = RNG.random(N)
REFERENCE = Reference.from_features(RNG.standard_normal((200, DIM)))
ROWS = RNG.standard_normal((200, DIM))


def empty(keep: int | None = None) -> EvaluationState:
    return EvaluationState(NETWORK, SHIFT, keep)


def feed(state: EvaluationState, items: npt.NDArray[np.int64]) -> None:
    state.update(items.tolist(), FEATURES[items], (FP32[items], QUANTIZED[items]), PERCEPTUAL[items])


def fed(items: npt.NDArray[np.int64], keep: int | None = None, batch: int = 100) -> EvaluationState:
    state = empty(keep)
    for start in range(0, len(items), batch):
        feed(state, items[start : start + batch])
    return state


def bits(state: EvaluationState) -> list[bytes]:
    """Every number that comes out of a state, to the bit."""
    n, mean, covariance = state.gaussian()
    features = state.features()
    found: list[Any] = [n, mean.tobytes(), covariance.tobytes(), features.tobytes()]
    found += [frechet(REFERENCE, features), frechet_from_moments(REFERENCE, mean, covariance, n)]
    found += [kid(ROWS, features[:100]), prdc(ROWS, features[:100]), state.paired(lambda item: item // 2)]
    return [repr(value).encode() for value in found]


WHOLE = fed(np.arange(N))


@pytest.mark.parametrize("shards", [1, 2, 5])
@pytest.mark.parametrize("how", ["contiguous", "strided", "random"])
def test_shards_change_no_bit(shards: int, how: str, tmp_path: Path) -> None:
    items = np.random.default_rng(1).permutation(N) if how == "random" else np.arange(N)
    parts = (
        [items[start::shards] for start in range(shards)]
        if how == "strided"
        else np.array_split(items, shards)
    )
    merged = empty()
    for number, part in enumerate(reversed(parts)):
        path = tmp_path / f"{number}.npz"
        fed(part, batch=7 + 50 * number).save(path)
        merged.merge(EvaluationState.load(path, NETWORK))
    assert bits(merged) == bits(WHOLE)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(40)), cut=st.integers(0, 40), batch=st.integers(1, 40))
def test_a_crash_and_a_resumption_change_no_bit(
    order: list[int], cut: int, batch: int, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "CHUNK", 8)
        straight = fed(np.arange(40))
        state = fed(np.array(order[:cut], dtype=np.int64), batch=batch)
        state.save(tmp_path / "state.npz")
        resumed = EvaluationState.load(tmp_path / "state.npz")
        for item in order[cut:]:
            feed(resumed, np.array([item]))
        assert bits(resumed) == bits(straight)


def test_it_equals_the_parts_computed_at_once() -> None:
    n, mean, covariance = WHOLE.gaussian()
    assert n == len(WHOLE) == N
    np.testing.assert_allclose(mean, FEATURES.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(FEATURES.T.astype(np.float64)), rtol=1e-9, atol=1e-9)
    assert np.array_equal(WHOLE.features(), FEATURES)
    paired = WHOLE.paired(lambda item: item)
    assert set(paired) == {"psnr", "ssim", "mae", "perceptual"}
    assert paired["perceptual"].value == pytest.approx(PERCEPTUAL.mean())
    assert paired["perceptual"].worst == PERCEPTUAL.max()
    value = frechet_from_moments(REFERENCE, mean, covariance, n)
    assert value == pytest.approx(frechet(REFERENCE, FEATURES).value, rel=1e-9)


def test_only_the_first_items_are_kept_where_asked() -> None:
    state = fed(np.arange(N), keep=30)
    assert np.array_equal(state.features(), FEATURES[:30])
    assert state.gaussian()[0] == N
    other = empty(keep=30)
    other.merge(state)
    assert np.array_equal(other.features(), FEATURES[:30])


def test_features_alone_are_enough(tmp_path: Path) -> None:
    state = empty()
    state.update(range(10), FEATURES[:10])
    state.save(tmp_path / "state.npz")
    assert EvaluationState.load(tmp_path / "state.npz").paired(lambda item: item) == {}


BATCH = slice(100, 104)
NAN = FEATURES[BATCH].copy()
NAN[1, 1] = np.nan


@pytest.mark.parametrize(
    ("items", "features", "pair", "perceptual", "message"),
    [
        (range(99, 103), FEATURES[BATCH], None, None, "item 99 came twice"),
        (range(100, 104), NAN, None, None, "NaN or infinity"),
        (range(100, 104), FEATURES[BATCH, :3], None, None, r"not \[N, 6\]"),
        (range(100, 103), FEATURES[BATCH], None, None, "3 indices for 4 items"),
        ([100, 100, 101, 102], FEATURES[BATCH], None, None, "distinct"),
        (range(100, 104), FEATURES[BATCH], (FP32[BATCH], QUANTIZED[:3]), None, "differ"),
        (range(100, 104), FEATURES[BATCH], (FP32[BATCH] / 255, QUANTIZED[BATCH]), None, "not uint8"),
        (range(100, 104), FEATURES[BATCH], None, np.full(4, np.inf), "perceptual holds NaN or infinity"),
        (range(100, 104), FEATURES[BATCH], None, np.zeros((4, 1)), "perceptual has shape"),
        (range(100, 104), FEATURES[BATCH], None, np.zeros(3), "4 indices for 3 items"),
    ],
)
def test_a_bad_batch_is_refused_and_changes_nothing(
    items: Any, features: Any, pair: Any, perceptual: Any, message: str
) -> None:
    state = fed(np.arange(100))
    before = bits(state)
    with pytest.raises(MetricError, match=message):
        state.update(items, features, pair, perceptual)
    assert bits(state) == before
    feed(state, np.arange(100, 104))
    assert len(state) == 104


def test_states_that_do_not_fit_are_refused() -> None:
    state = fed(np.arange(100))
    others = [
        (
            EvaluationState(FeatureIdentity("inception", "", ""), SHIFT),
            "don't merge with those of metric-net",
        ),
        (EvaluationState(NETWORK, SHIFT + 1), "different shifts"),
        (empty(keep=10), "doesn't merge"),
        (fed(np.arange(99, 120)), "came twice"),
    ]
    larger = empty()
    larger.update([500], FEATURES[500:501], (np.zeros((1, 3, 12, 12), np.uint8),) * 2)
    before = bits(state)
    for other, message in [*others, (larger, r"images of \(12, 12\)")]:
        with pytest.raises(MetricError, match=message):
            state.merge(other)
    assert bits(state) == before


def test_metrics_of_a_part_of_the_items_are_refused() -> None:
    state = fed(np.arange(100))
    state.update([100], FEATURES[100:101])
    with pytest.raises(MetricError, match="psnr was added for 100 of 101 items"):
        state.paired(lambda item: item)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    with pytest.raises(MetricError, match="does not exist"):
        EvaluationState.load(path)
    fed(np.arange(20)).save(path)
    with pytest.raises(MetricError, match="holds features of metric-net"):
        EvaluationState.load(path, FeatureIdentity("inception", "", ""))
    whole = path.read_bytes()
    for cut in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(MetricError, match="damaged"):
            EvaluationState.load(path)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    path.write_bytes(flipped)
    with pytest.raises(MetricError, match="damaged"):
        EvaluationState.load(path)
    np.savez(path, mean=np.zeros(2))
    with pytest.raises(MetricError, match="lacks network, keep"):
        EvaluationState.load(path)
    np.savez(path, network=np.array(["a", "b", "c"]), keep=np.array(-1))
    with pytest.raises(MetricError, match="damaged or no evaluation state"):
        EvaluationState.load(path)


def test_memory_grows_by_the_kept_features_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    dim, batch = 96, 250
    monkeypatch.setattr(checks, "_BLOCK", 250)
    reference = Reference.from_moments(np.zeros(dim), np.eye(dim), 10_000)
    values = np.random.default_rng(0).standard_normal((batch, dim)).astype(np.float32)

    def peak(n: int) -> int:
        tracemalloc.start()
        try:
            state = EvaluationState(NETWORK, np.zeros(dim))
            for start in range(0, n, batch):
                state.update(range(start, start + batch), values + start)
            assert frechet(reference, state.features()).low is not None
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(1_000), peak(10_000)
    kept, per_item = 9_000 * dim * 4, 9_000 * 400  # labels, influences and item numbers
    assert many < 1.1 * few + kept + per_item
