"""Streamed moments and kept features: exact merging, saving and bad input."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganqbench.metrics import MetricError, moments
from ganqbench.metrics.feature_store import FeatureStore
from ganqbench.metrics.moments import Moments
from ganqbench.metrics.storage import load_arrays, save_arrays

Array = npt.NDArray[np.float64]
N, DIM = 90, 5
SHIFT = np.linspace(-1, 1, DIM)


def rows(n: int = N, seed: int = 0) -> Array:
    result: Array = np.random.default_rng(seed).standard_normal((n, DIM)) * [1, 10, 100, 0.1, 1] + 3
    return result


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "CHUNK", 4)


def bits(state: Moments) -> tuple[int, bytes, bytes]:
    n, mean, covariance = state.result()
    return n, mean.tobytes(), covariance.tobytes()


def whole(values: Array) -> Moments:
    state = Moments(SHIFT)
    state.update(range(len(values)), values)
    return state


def test_equals_numpy() -> None:
    values = rows(3000)
    n, mean, covariance = whole(values).result()
    assert n == 3000
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(covariance, np.cov(values.T), rtol=1e-11, atol=1e-11)


def test_a_shift_near_the_mean_saves_digits_of_nearly_constant_features() -> None:
    values = 1e6 + rows(2000)
    shifted = Moments(np.full(DIM, 1e6))
    shifted.update(range(2000), values)
    np.testing.assert_allclose(shifted.result()[2], np.cov(values.T), rtol=1e-8, atol=1e-9)


@pytest.mark.usefixtures("small_chunks")
@settings(deadline=None, max_examples=60)
@given(
    order=st.permutations(range(N)),
    cuts=st.lists(st.integers(0, N), max_size=8),
    shards=st.sampled_from([1, 2, 5]),
    through_disk=st.booleans(),
)
def test_batches_order_and_shards_change_no_bit(
    order: list[int], cuts: list[int], shards: int, through_disk: bool
) -> None:
    values = rows()
    parts = [Moments(SHIFT) for _ in range(shards)]
    edges = [0, *sorted(cuts), N]
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        batch = order[start:end]
        parts[number % shards].update(batch, values[batch])
    merged = Moments(SHIFT)
    for part in parts:
        merged.merge(Moments.from_state(part.state()) if through_disk else part)
    assert len(merged) == N
    assert bits(merged) == bits(whole(values))


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_contiguous_shards_of_real_chunks_change_no_bit(shards: int) -> None:
    values = rows(2700)
    merged = Moments(SHIFT)
    for part in np.array_split(np.arange(2700), shards):
        shard = Moments(SHIFT)
        for batch in np.array_split(part, 7):
            shard.update(batch.tolist(), values[batch])
        merged.merge(shard)
    assert bits(merged) == bits(whole(values))


@pytest.mark.usefixtures("small_chunks")
def test_a_stream_holds_few_matrices() -> None:
    state = Moments(SHIFT)
    for start in range(0, 4000, 50):
        state.update(range(start, start + 50), rows(50, start))
        assert len(state._nodes) <= 11


@pytest.mark.usefixtures("small_chunks")
def test_a_state_survives_the_disk_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    state = Moments(SHIFT)
    state.update(range(37), rows(37))
    save_arrays(path, state.state())
    resumed = Moments.from_state(load_arrays(path))
    resumed.update(range(37, N), rows()[37:])
    straight = Moments(SHIFT)
    straight.update(range(37), rows(37))
    straight.update(range(37, N), rows()[37:])
    assert bits(resumed) == bits(straight)


@pytest.mark.usefixtures("small_chunks")
def test_an_item_counts_once() -> None:
    state = whole(rows(10))  # two finished chunks in one node, one unfinished
    for item in (0, 7, 9):
        with pytest.raises(MetricError, match=f"item {item} came twice"):
            state.update([item], rows(1))
    for first, last in ((0, 4), (0, 8), (0, 16), (4, 8), (8, 12), (9, 10)):
        other = Moments(SHIFT)
        other.update(range(first, last), rows(last - first))
        with pytest.raises(MetricError, match=r"came twice|the same items"):
            whole(rows(10)).merge(other)
    assert len(state) == 10


def test_bad_features_and_shifts_are_refused() -> None:
    state = Moments(SHIFT)
    bad: list[tuple[Any, str]] = [
        (np.zeros((2, 3)), r"not \[N, 5\]"),
        (np.full((2, DIM), np.nan), "NaN"),
        (np.zeros((3, DIM)), "2 indices for 3"),
    ]
    for values, message in bad:
        with pytest.raises(MetricError, match=message):
            state.update([0, 1], values)
    with pytest.raises(MetricError, match="different shifts"):
        state.merge(Moments(SHIFT + 1))
    with pytest.raises(MetricError, match="one finite feature vector"):
        Moments(np.array([np.nan]))
    with pytest.raises(MetricError, match="no covariance"):
        state.result()


@settings(deadline=None, max_examples=25)
@given(order=st.permutations(range(12)), cut=st.integers(0, 12))
def test_kept_features_come_out_in_item_order(order: list[int], cut: int) -> None:
    values = rows(12).astype(np.float32)
    first, second = FeatureStore(DIM), FeatureStore(DIM)
    first.update(order[:cut], values[order[:cut]])
    second.update(order[cut:], values[order[cut:]])
    second.merge(FeatureStore.from_state(first.state()))
    assert second.items == list(range(12))
    assert second.array().tobytes() == values.tobytes()


def test_kept_features_refuse_contradictions() -> None:
    store = FeatureStore(DIM)
    assert store.array().shape == (0, DIM)
    store.update([3, 4], rows(2))
    store.update([4], rows(2)[1:])
    assert len(store) == 2
    with pytest.raises(MetricError, match="item 3 came twice"):
        store.update([3], rows(2)[1:])
    with pytest.raises(MetricError, match=r"items \[8\] hold NaN"):
        store.update([7, 8], np.array([[0.0] * DIM, [np.inf] * DIM]))
    with pytest.raises(MetricError, match=r"not \[N, 5\]"):
        store.update([7], np.zeros((1, 2)))
    with pytest.raises(MetricError, match="don't merge"):
        store.merge(FeatureStore(2))


def test_a_crash_while_saving_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.npz"
    save_arrays(path, {"a": np.arange(3)})

    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        save_arrays(path, {"a": np.arange(4)})
    assert load_arrays(path)["a"].tolist() == [0, 1, 2]
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.npz"]


def test_pickles_are_never_read(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    np.savez(path, a=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(MetricError, match="damaged"):
        load_arrays(path)
