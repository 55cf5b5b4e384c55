"""From images to the reference that distances are taken to, in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version

import numpy as np

from ganqbench.metrics.checks import MetricError, Pixels
from ganqbench.metrics.extractors import Extractor
from ganqbench.metrics.feature_store import FeatureStore
from ganqbench.metrics.manifold import LIMIT
from ganqbench.metrics.moments import Moments
from ganqbench.metrics.pictures import Pictures
from ganqbench.metrics.reference import NEIGHBOUR, Origin, Reference

ROWS = 5000
"""Rows kept by default: as many as a suite's images, and 2 MB for the embedded network."""


class _Fingerprint:
    """SHA-256 over the pixels of a stream of images as it goes by."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def watch(self, images: Iterable[Pixels]) -> Iterator[Pixels]:
        for image in images:
            self._digest.update(f"{image.shape}".encode())
            self._digest.update(image.tobytes())
            yield image

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def build_reference(
    pictures: Pictures,
    extractor: Extractor,
    rng: np.random.Generator,
    rows: int = ROWS,
    k: int = NEIGHBOUR,
    progress: Iterable[Pixels] | None = None,
) -> Reference:
    """The reference of all ``pictures`` in the features of ``extractor``.

    Args:
        pictures: the images; their moments are those of all.
        extractor: the network.
        rng: draws the rows to keep; the same seed keeps the same ones.
        rows: how many to keep, at most 10 000; all if there are fewer images.
        k: which neighbour sets the stored radii.
        progress: the pictures' own stream, wrapped by whoever shows a bar.

    Raises MetricError for fewer than two images, and for ``rows`` that ``k`` neighbours don't fit in.
    """
    if pictures.n < 2:
        raise MetricError(f"{pictures.n} images make no reference")
    if not k < rows <= LIMIT:
        raise MetricError(f"between {k + 1} and {LIMIT} rows can be kept, not {rows}")
    chosen = np.sort(rng.choice(pictures.n, min(rows, pictures.n), replace=False))
    fingerprint = _Fingerprint()
    stream = fingerprint.watch(pictures.open() if progress is None else progress)
    moments: Moments | None = None
    kept = FeatureStore(extractor.dim)
    done = 0
    for part in extractor.stream(stream):
        if moments is None:
            # Any vector near the mean serves against cancellation.
            moments = Moments(part.mean(axis=0, dtype=np.float64))
        items = np.arange(done, done + len(part))
        moments.update(items.tolist(), part)
        mine = np.isin(items, chosen)
        kept.update(items[mine].tolist(), part[mine])
        done += len(part)
    if moments is None or done != pictures.n:
        raise MetricError(f"{done} images came, {pictures.n} were announced")
    n, mean, covariance = moments.result()
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "pillow"))
    origin = Origin(pictures.name, fingerprint.hexdigest(), extractor.feature_identity, versions)
    reference = Reference.from_moments(mean, covariance, n)
    return replace(reference.keeping(kept.array(), k), origin=origin)
