"""Precision, recall, density and coverage: how two samples' neighbourhoods overlap.

Kynkaanniemi et al., "Improved precision and recall metric" (2019), and Naeem et al., "Reliable
fidelity and diversity metrics" (2020). A sample's manifold is the union of balls around its rows,
each reaching to the row's k-th nearest neighbour. Equal to the ``prdc`` package.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, feature_rows
from ganqbench.metrics.interval import Estimate, clustered_mean, normal_quantile
from ganqbench.metrics.reference import Reference

LIMIT = 10_000
"""Rows above which a sample is thinned at random: the cost grows with the square."""
# Distances held at once: 32 MB.
_BLOCK_VALUES = 1 << 22


def _blocks(first: Float64, second: Float64) -> Iterator[tuple[slice, Float64]]:
    """Squared distances of consecutive rows of ``first`` to all of ``second``, a block at a time."""
    norms = (second * second).sum(axis=1)
    if not (np.isfinite(norms).all() and np.isfinite((first * first).sum(axis=1)).all()):
        raise MetricError("features are so large that their distances overflow")
    step = max(1, _BLOCK_VALUES // len(second))
    for start in range(0, len(first), step):
        rows = first[start : start + step]
        squared = rows @ second.T
        squared *= -2
        squared += (rows * rows).sum(axis=1)[:, None]
        squared += norms
        yield slice(start, start + step), np.maximum(squared, 0, out=squared)


def radii(rows: Float64, k: int) -> Float64:
    """Squared distance of each row to its k-th nearest other row, ``[N]``."""
    result = np.empty(len(rows))
    for part, squared in _blocks(rows, rows):
        # A row is not its own neighbour, whatever rounding makes of its zero distance.
        own = np.arange(len(squared))
        squared[own, own + part.start] = np.inf
        result[part] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return result


def prdc(
    real: Any,
    fake: Any,
    k: int = 5,
    rng: np.random.Generator | None = None,
    clusters: Sequence[Hashable] | None = None,
) -> dict[str, Estimate]:
    """Precision, recall, density and coverage of features ``fake`` ``[N, d]`` against ``real`` ``[M, d]``.

    Args:
        real: reference features; more than 10 000 rows are thinned with ``rng``, as are ``fake``'s. Or
            a :class:`Reference` that keeps rows, whose radii are then at hand for its own k.
        fake: features of the generator.
        k: which neighbour sets a ball's radius (5 in both papers' code).
        rng: needed only where a sample must be thinned.
        clusters: the independent unit of each row of ``fake`` where rows share one.

    Returns:
        ``precision``, the share of fakes in the reals' manifold, and ``density``, how many real balls
        hold a fake, divided by k: means over fakes, with intervals that hold the reals fixed (Wilson's
        for precision). ``coverage``, the share of real balls with a fake in them, has a jackknife
        interval, which is conservative (Efron and Stein 1981). ``recall``, the share of reals in the
        fakes' manifold, has none: the fakes set its radii too.

    Raises MetricError for NaN, infinity, shapes that don't fit, too few rows for k, or a missing rng.
    """
    stored = real.require_rows() if isinstance(real, Reference) else None
    all_real = feature_rows("real", stored.rows if stored else real)
    all_fake = feature_rows("fake", fake, all_real.shape[1])
    if not 1 <= k < min(len(all_real), len(all_fake)):
        raise MetricError(
            f"k = {k} needs more than k rows, not {len(all_real)} real and {len(all_fake)} fake"
        )
    if clusters is not None and len(clusters) != len(all_fake):
        raise MetricError(f"{len(clusters)} cluster labels for {len(all_fake)} rows")
    real_rows, _ = _thin(all_real, rng)
    rows, kept = _thin(all_fake, rng)
    labels = range(len(rows)) if clusters is None else [clusters[i] for i in kept]

    # Stored radii hold for their own k and all of the rows.
    if stored is not None and stored.k == k and len(stored.rows) == len(real_rows):
        real_radii = stored.radii
    else:
        real_radii = radii(real_rows, k)
    fake_radii = radii(rows, k)
    holding = np.zeros(len(rows), dtype=np.int64)  # real balls around each fake
    unique = np.zeros(len(rows), dtype=np.int64)  # real balls that hold this fake alone
    recalled = covered = 0
    for part, squared in _blocks(real_rows, rows):
        inside = squared < real_radii[part, None]
        holding += inside.sum(axis=0)
        recalled += int((squared < fake_radii).any(axis=1).sum())
        each = inside.sum(axis=1)
        covered += int((each > 0).sum())
        unique += inside[each == 1].sum(axis=0)
    n, m = len(rows), len(real_rows)
    return {
        "precision": _share((holding > 0).tolist(), None if clusters is None else labels),
        "recall": Estimate(recalled / m, None, None, None, n, note="no interval"),
        "density": clustered_mean((holding / k).tolist(), labels),
        "coverage": _coverage(covered / m, unique / m, labels),
    }


def _thin(
    rows: npt.NDArray[np.floating[Any]], rng: np.random.Generator | None
) -> tuple[Float64, npt.NDArray[np.int64]]:
    """At most LIMIT rows in their order as float64, and which they are."""
    kept = np.arange(len(rows))
    if len(rows) > LIMIT:
        if rng is None:
            raise MetricError(
                f"{len(rows)} rows are thinned to {LIMIT} at random: hand in a seeded generator"
            )
        kept = np.sort(rng.choice(len(rows), LIMIT, replace=False))
    return np.ascontiguousarray(rows[kept], dtype=np.float64), kept


def _share(hits: list[bool], clusters: Sequence[Hashable] | None) -> Estimate:
    """A share with Wilson's interval (1927), which holds at 0 and 1; clustered ones as a mean."""
    if clusters is not None:
        return clustered_mean([float(hit) for hit in hits], clusters)
    n, share, z = len(hits), sum(hits) / len(hits), normal_quantile()
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At a share of 0 or 1 an end equals the share but for rounding.
    low, high = max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
    return Estimate(share, math.sqrt(share * (1 - share) / n), low, high, n)


def _coverage(value: float, lost: Float64, clusters: Sequence[Hashable]) -> Estimate:
    """Jackknife: without fake j the share falls by ``lost[j]``; the mean of N lost[j] varies like it."""
    n = len(lost)
    spread = clustered_mean((lost * n).tolist(), clusters)
    if spread.se is None or spread.low is None or spread.high is None:
        return Estimate(value, None, None, None, n, note=spread.note)
    half = (spread.high - spread.low) / 2
    return Estimate(value, spread.se, max(0.0, value - half), min(1.0, value + half), n)
