"""Records of one configuration under several seeds, with invented deltas."""

from __future__ import annotations

from typing import Any

from committed import RESULTS

from ganqbench.records.schema import Record
from ganqbench.records.store import read, record_files, seal

N = 64
IDENTITY = f"fid_delta[metric-net@aaaaaaaaaaaa pil-bicubic-32 n={N} ref=bbbbbbbbbbbb]"
VALUES = (0.5, 0.75, 1.0)
PATH = next(path for path in record_files(RESULTS) if "fid_delta" in read(path).metrics)


def records(**identities: str) -> list[Record]:
    """A published record's cell under three seeds, with invented deltas."""
    document = read(PATH).model_dump(mode="json", by_alias=True, exclude={"hash"})
    document["provenance"]["protocol"]["final"] = N
    found = []
    for seed, value in enumerate(VALUES):
        delta: dict[str, Any] = {"value": value, "low": value - 0.2, "high": value + 0.2, "se": 0.1, "n": N}
        delta["identity"] = identities.get(f"s{seed}", IDENTITY)
        cell = {**document["cell"], "suite": "several", "seed": seed}
        found.append(seal({**document, "cell": cell, "metrics": {"fid_delta": delta}}))
    return found
