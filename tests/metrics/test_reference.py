"""References: saved to the bit, refused when damaged or foreign, and as good as the features themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load, save

from ganqbench.metrics import MetricError, frechet, kid, kid_delta, load_reference, prdc, save_reference
from ganqbench.metrics.metric_identity import FeatureIdentity
from ganqbench.metrics.reference import Origin, Reference
from ganqbench.metrics.reference_file import FORMAT

Array = npt.NDArray[np.float64]
NETWORK = FeatureIdentity("metric-net", "ab" * 32, "pil-bicubic-32")


def rows(n: int, seed: int = 0, dim: int = 4) -> Array:
    return np.random.default_rng(seed).standard_normal((n, dim))


REAL = rows(60)


def made() -> Reference:
    origin = Origin("folder x", "cd" * 32, NETWORK, "numpy 2")
    return replace(Reference.from_features(REAL).keeping(REAL[:40]), origin=origin)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    result = tmp_path / "deep" / "reference.safetensors"
    save_reference(result, made())
    return result


def rewrite(path: Path, tensors: dict[str, Any] | None = None, **about: Any) -> None:
    """The file with other tensors or another description, as a careless tool would write it."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    old = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][FORMAT])
    path.write_bytes(save(load(content) | (tensors or {}), {FORMAT: json.dumps(old | about)}))


def test_saved_and_loaded_to_the_bit(path: Path) -> None:
    reference = made()
    loaded = load_reference(path, reference.digest)
    assert loaded.origin == reference.origin
    assert loaded.digest == reference.digest
    fake = 1.1 * rows(50, 1)
    assert frechet(loaded, fake) == frechet(reference, fake) == frechet(REAL, fake)
    assert kid(loaded, fake) == kid(reference, fake)
    assert prdc(loaded, fake) == prdc(reference, fake)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    again = path.with_name("again.safetensors")
    save_reference(again, made())
    assert again.read_bytes() == path.read_bytes()
    assert path.stat().st_mode & 0o444 == path.parent.stat().st_mode & 0o444


def test_without_rows_and_origin_it_is_saved_too(tmp_path: Path) -> None:
    plain = Reference.from_features(REAL)
    save_reference(tmp_path / "plain", plain)
    loaded = load_reference(tmp_path / "plain")
    assert (loaded.kept, loaded.origin, loaded.digest) == (None, None, plain.digest)
    with pytest.raises(MetricError, match="keeps no rows"):
        kid(loaded, REAL)
    with pytest.raises(MetricError, match="keeps no rows"):
        prdc(loaded, REAL)
    with pytest.raises(MetricError, match="doesn't say what network"):
        loaded.require(NETWORK)


def test_kept_rows_give_what_their_features_give() -> None:
    reference = made()
    kept = reference.require_rows()
    assert kept.rows.dtype == np.float16
    exact, fake = kept.rows.astype(np.float64), 1.2 * rows(50, 1)
    assert kid(reference, fake).value == pytest.approx(kid(exact, fake).value, rel=1e-12)
    assert kid_delta(reference, fake, 2 * fake) == kid_delta(exact, fake, 2 * fake)
    for k in (3, 5):  # radii are at hand for 5 only
        assert prdc(reference, fake, k) == prdc(exact, fake, k)


def test_rounding_of_kept_rows_is_far_below_what_matters() -> None:
    real, fake = rows(400, 0, 16), 1.1 * rows(300, 1, 16)
    reference = Reference.from_features(real).keeping(real)
    exact, rounded = kid(real, fake), kid(reference, fake)
    assert exact.se is not None
    assert abs(exact.value - rounded.value) < 0.01 * exact.se
    for name, estimate in prdc(reference, fake).items():
        assert estimate.value == pytest.approx(prdc(real, fake)[name].value, abs=0.01)


def test_values_too_large_for_half_precision_are_kept_in_single() -> None:
    large = (1e5 * REAL).astype(np.float32)
    kept = Reference.from_features(large).keeping(large).require_rows()
    assert kept.rows.dtype == np.float32
    assert np.array_equal(kept.rows, large)


def test_features_of_another_network_are_refused() -> None:
    made().require(NETWORK)
    for field in ("extractor", "weights", "resizer"):
        with pytest.raises(MetricError, match="build it again"):
            made().require(replace(NETWORK, **{field: "other"}))


def test_a_digest_covers_every_number() -> None:
    reference = made()
    kept = reference.require_rows()
    assert made().digest == reference.digest
    others = [
        replace(reference, n=61),
        replace(reference, mean=reference.mean + 1e-12),
        replace(reference, covariance=reference.covariance * (1 + 1e-15)),
        replace(reference, root=-reference.root),
        replace(reference, kept=None),
        replace(reference, kept=replace(kept, k=4)),
        replace(reference, kept=replace(kept, kernel=0.0)),
        replace(reference, kept=replace(kept, radii=kept.radii * 2)),
        replace(reference, kept=replace(kept, rows=kept.rows[::-1])),
        replace(reference, kept=replace(kept, rows=kept.rows.astype(np.float32))),
    ]
    assert len({other.digest for other in [reference, *others]}) == len(others) + 1


def test_missing_cut_and_flipped_files_are_refused(path: Path) -> None:
    with pytest.raises(MetricError, match="does not exist"):
        load_reference(path.with_name("absent"))
    with pytest.raises(MetricError, match="can't be read"):
        load_reference(path.parent)
    with pytest.raises(MetricError, match="not 000000"):
        load_reference(path, "0" * 64)
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(MetricError, match="damaged"):
            load_reference(path)
    for place in range(8, len(whole), 97):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        try:
            loaded = load_reference(path)
        except MetricError:
            continue
        assert loaded.digest == made().digest  # the flip hit words that change no number


def test_files_of_other_things_are_refused(path: Path) -> None:
    good = path.read_bytes()
    path.write_bytes(save({"x": np.zeros(2)}))
    with pytest.raises(MetricError, match="no reference that this version reads"):
        load_reference(path)
    root = load(good)["root"]
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"extra": np.zeros(1)}, {}, "holds .*extra"),
        ({"mean": np.zeros(4, np.float32)}, {}, "of float32"),
        ({"mean": np.full(4, np.nan)}, {}, "NaN or infinity in mean"),
        ({"mean": np.zeros(3)}, {}, "don't fit each other"),
        ({"radii": np.zeros(3)}, {}, "don't fit the moments"),
        ({}, {"n": 1}, "don't fit each other"),
        ({}, {"k": 40}, "don't fit the moments"),
        ({}, {"k": "five"}, "description can't be read"),
        ({}, {"kernel": "nan"}, "don't fit the moments"),
        ({}, {"origin": {"images": "x"}}, "description can't be read"),
        ({"root": 2 * root}, {}, "says"),
        ({}, {"digest": None}, "says"),
    ]
    for tensors, about, message in cases:
        path.write_bytes(good)
        rewrite(path, tensors, **about)
        with pytest.raises(MetricError, match=message):
            load_reference(path)
    reference = made()
    save_reference(path, replace(reference, root=2 * reference.root))
    with pytest.raises(MetricError, match="root does not belong"):
        load_reference(path)


@pytest.mark.parametrize(
    ("mean", "covariance", "n", "message"),
    [
        (np.zeros(2), np.eye(3), 10, "a reference needs"),
        (np.zeros(2), np.eye(2), 1, "a reference needs"),
        (np.zeros(2), np.full((2, 2), np.inf), 10, "NaN or infinity"),
        (np.zeros(2), np.array([[1.0, 0.5], [0.1, 1.0]]), 10, "not symmetric"),
        (np.zeros(2), np.diag([1.0, -0.1]), 10, "negative eigenvalue"),
    ],
)
def test_impossible_moments_are_refused(mean: Array, covariance: Array, n: int, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        Reference.from_moments(mean, covariance, n)


def test_rows_that_do_not_fit_are_not_kept() -> None:
    reference = Reference.from_features(REAL)
    with pytest.raises(MetricError, match="kept rows have shape"):
        reference.keeping(REAL[:, :2])
    with pytest.raises(MetricError, match="neighbour 5 needs more than 5 rows"):
        reference.keeping(REAL[:5])
