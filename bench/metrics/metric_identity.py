"""What a distance in a feature space is a distance of: part of the number's name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureIdentity:
    """What makes features: a network, the SHA-256 of its weights' file and the resizer before it."""

    extractor: str
    weights: str
    resizer: str

    def __str__(self) -> str:
        return f"{self.extractor}@{self.weights[:12]} {self.resizer}"


@dataclass(frozen=True)
class MetricIdentity:
    """All that must agree before two values may stand in one column.

    ``weights`` and ``reference`` are SHA-256 digests in hexadecimal; for a paired distance, which has
    no reference, ``reference`` is ``"fp32"``.
    """

    metric: str
    extractor: str
    weights: str
    resizer: str
    n: int
    reference: str

    def __str__(self) -> str:
        weights, reference = self.weights[:12], self.reference[:12]
        return f"{self.metric}[{self.extractor}@{weights} {self.resizer} n={self.n} ref={reference}]"
