"""What a distance in a feature space is a distance of: part of the number's name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from ganqbench.metrics.checks import MetricError


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


def common_identity(identities: Iterable[MetricIdentity]) -> MetricIdentity:
    """The identity that all share; raises MetricError that says in what they differ."""
    distinct = list(dict.fromkeys(identities))
    if not distinct:
        raise MetricError("no metric identity given")
    if len(distinct) > 1:
        differing = [
            f"{field.name} ({', '.join(sorted({str(getattr(one, field.name)) for one in distinct}))})"
            for field in fields(MetricIdentity)
            if len({getattr(one, field.name) for one in distinct}) > 1
        ]
        raise MetricError(f"these numbers can't be compared, they differ in {'; '.join(differing)}")
    return distinct[0]
