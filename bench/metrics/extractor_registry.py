"""Extractors by name, each imported when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganqbench.metrics.checks import MetricError

if TYPE_CHECKING:
    from ganqbench.metrics.extractors import Extractor

EXTRACTORS = ("embedded", "third", "inception", "dinov2")
ALEXNET = "alexnet-owt-7be5be79.pth"
"""The file of LPIPS's backbone, torchvision's."""


def open_extractor(name: str, weights: Path | None = None, *, download: bool = False) -> Extractor:
    """The extractor of that name; ``weights`` is the folder of those that don't ship.

    With ``download``, Inception's file is fetched into the cache folder if it isn't there. Raises
    MetricError for an unknown name, a package that is missing, and weights that are missing or not the
    published ones; UserError if they can't be downloaded.
    """
    if name == "embedded":
        from ganqbench.metrics.extractors import EmbeddedExtractor

        return EmbeddedExtractor()
    if name == "third":
        from ganqbench.metrics.extractors import ThirdExtractor

        return ThirdExtractor()
    if name == "inception":
        from ganqbench.metrics.inception import INCEPTION, InceptionExtractor

        if weights is None and download:
            weights = _downloaded()
        if weights is None:
            raise MetricError(f"say where {INCEPTION.file} is: --weights FOLDER, or get it with --download")
        return InceptionExtractor(weights)
    if name == "dinov2":
        from ganqbench.metrics.dinov2 import VIT_L14, DinoV2Extractor

        if weights is None:
            raise MetricError(f"say where {VIT_L14.file} is: --weights FOLDER; get it from {VIT_L14.url}")
        return DinoV2Extractor(weights)
    raise MetricError(f"unknown extractor {name!r}; known: {', '.join(EXTRACTORS)}")


def _downloaded() -> Path:
    """The folder of Inception's weights, where suites look for them, too."""
    from ganqbench.metrics.inception import INCEPTION, INCEPTION_URL
    from ganqbench.zoo.download import Download

    return Download(INCEPTION.file, INCEPTION_URL, INCEPTION.sha256, folder="inception").fetch().parent
