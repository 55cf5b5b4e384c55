"""Extractors by name, each imported when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganqbench.metrics.checks import MetricError

if TYPE_CHECKING:
    from ganqbench.metrics.extractors import Extractor

EXTRACTORS = ("embedded", "inception")


def open_extractor(name: str, weights: Path | None = None) -> Extractor:
    """The extractor of that name; ``weights`` is the folder of those that don't ship.

    Raises MetricError for an unknown name, and for weights that are missing or not the published ones.
    """
    if name == "embedded":
        from ganqbench.metrics.extractors import EmbeddedExtractor

        return EmbeddedExtractor()
    if name == "inception":
        from ganqbench.metrics.inception import INCEPTION, InceptionExtractor

        if weights is None:
            raise MetricError(f"say where {INCEPTION.file} is: --weights FOLDER")
        return InceptionExtractor(weights)
    raise MetricError(f"unknown extractor {name!r}; known: {', '.join(EXTRACTORS)}")
