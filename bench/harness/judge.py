"""Distances of a GAN's images: one feature network, one reference, all metrics in its space."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganqbench.harness.judge_files import judge_files
from ganqbench.metrics.extractor_registry import ALEXNET, open_extractor
from ganqbench.metrics.extractors import EmbeddedExtractor, Extractor
from ganqbench.metrics.frechet_distance import PairedDelta, frechet, frechet_paired
from ganqbench.metrics.inception_score import inception_score
from ganqbench.metrics.interval import Estimate
from ganqbench.metrics.kernel_distance import kid, kid_delta
from ganqbench.metrics.learned_distance import Lpips
from ganqbench.metrics.manifold import prdc
from ganqbench.metrics.reference import Reference
from ganqbench.metrics.reference_file import load_reference
from ganqbench.protocol import Protocol
from ganqbench.zoo.generator import ZooEntry

_THINNING_SEED = 0
"""Which rows k-nearest-neighbour metrics keep of a large sample; the same for every cell."""


@dataclass(frozen=True)
class Judge:
    """A feature network with the reference that its distances are taken to.

    ``pairs`` compares images with full precision's one by one, where the feature network can't.
    """

    extractor: Extractor
    reference: Reference
    pairs: EmbeddedExtractor | Lpips | None = None

    @classmethod
    def of(cls, entry: ZooEntry, protocol: Protocol) -> Judge | None:
        """The judge that a suite asks for, or None; MetricError if its files are missing or don't fit."""
        paths = judge_files(entry, protocol)
        if not paths or protocol.extractor is None:
            return None
        extractor = open_extractor(protocol.extractor, paths["network"].parent)
        reference = load_reference(paths["reference"])
        reference.require(extractor.feature_identity)
        if isinstance(extractor, EmbeddedExtractor):
            return cls(extractor, reference)
        by_lpips = paths["pairs"].name == ALEXNET
        return cls(extractor, reference, Lpips(paths["pairs"].parent) if by_lpips else EmbeddedExtractor())

    def compare(self, targets: Any, images: Any) -> tuple[Any, Any | None]:
        """Features ``[N, d]`` of images, and their perceptual distances ``[N]`` to their targets."""
        if isinstance(self.extractor, EmbeddedExtractor):
            return self.extractor.compare(targets, images)
        distances = None if self.pairs is None else self.pairs.perceptual(targets, images)
        return self.extractor.features(images), distances

    @property
    def perceptual(self) -> str:
        """What the perceptual distance is called: no other network's is LPIPS."""
        return "lpips" if isinstance(self.pairs, Lpips) else "perceptual"

    def alone(self, fake: Any, clusters: Sequence[Hashable] | None) -> dict[str, Estimate]:
        """Metrics of features ``[N, d]``: fid, kid, precision and the like, against the reference.

        The Inception score is among them where the network knows classes.
        """
        rng = np.random.default_rng(_THINNING_SEED)
        found = {
            "fid": frechet(self.reference, fake, clusters),
            "kid": kid(self.reference, fake, clusters),
            **prdc(self.reference, fake, rng=rng, clusters=clusters),
        }
        if self.extractor.head is not None:
            found["inception_score"] = inception_score(self.extractor.logits(fake), clusters)
        return found

    def delta(self, fp32: Any, fake: Any) -> PairedDelta:
        """The distance of `fake` less that of full precision, both ``[N, d]``, row by row."""
        return PairedDelta.of(self.reference, fp32, fake)

    def paired(self, delta: PairedDelta, clusters: Sequence[Hashable] | None) -> dict[str, Estimate]:
        """Metrics of the change from full precision to the quantized images."""
        fp32, fake = delta.fp32.rows, delta.quantized.rows
        return {
            "fid_delta": delta.estimate(clusters),
            "kid_delta": kid_delta(self.reference, fp32, fake, clusters),
            "qfid": frechet_paired(fp32, fake, clusters),
        }

    def identity(self, metric: str, n: int) -> str:
        """All that must agree before two values of this metric may stand in one column."""
        network = self.extractor
        if metric == self.perceptual and self.pairs is not None:
            if isinstance(self.pairs, Lpips):
                return str(self.pairs.identity(n))
            network = self.pairs
        reference = "fp32" if metric in ("qfid", "perceptual") else self.reference.digest
        return str(network.identity(metric, n, reference))
