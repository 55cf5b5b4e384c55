"""Records with invented numbers; they never leave a temporary folder."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ganqbench.records.canonical import content_hash, sha256
from ganqbench.records.store import InvalidRecord, parse

HASH = "sha256:" + "0" * 64
PREVIEW = b"not really a picture, but these are its bytes"


def document(**changes: Any) -> dict[str, Any]:
    """A valid ok record without its hash."""
    found: dict[str, Any] = {
        "schema": 1,
        "status": "ok",
        "cell": {
            "suite": "mini",
            "suite_version": 1,
            "gan": "some-gan",
            "adapter": "some",
            "method": "ptq",
            "recipe": None,
            "bits": "W4A8",
            "seed": 0,
        },
        "metrics": {"psnr": {"value": 31.5, "low": 30.0, "high": 33.0, "worst": 25.0, "n": 8}},
        "audit": {
            "coverage": 1.0,
            "coverage_undeclared": 1.0,
            "macs": 100,
            "hidden_work": 0,
            "bops": 3200,
            "bytes": 64,
            "ops": [
                {
                    "site": "conv",
                    "kind": "conv",
                    "match": "site",
                    "macs": 100,
                    "weight_levels": 15,
                    "activation_levels": 256,
                    "weight_granularity": "channel",
                    "activation_granularity": "tensor",
                    "static": True,
                    "weights": 64,
                    "scale_groups": 4,
                    "exempt": False,
                    "declared": False,
                }
            ],
        },
        "deploy": None,
        "cost": {"phases": {"load": {"wall_s": 1.5, "cpu_s": 1}}, "peak_memory": 1000},
        "tolerance": {"psnr": 0.1},
        "preview": {"sha256": sha256(PREVIEW), "items": 8, "width": 64, "height": 8},
        "provenance": {
            "key": HASH,
            "numeric_code": HASH,
            "suite": HASH,
            "weights": HASH,
            "protocol": {"resolution": 8, "calibrate": 2, "final": 8, "batch": 2},
            "versions": {"torch": "2.14.1"},
            "commit": None,
            "dirty": None,
            "hardware": {"cpu": "some", "isa": ["avx2"], "cores": 2, "threads": 1, "os": "Linux"},
            "command": "ganqbench run",
            "finished": "2026-01-02T03:04:05Z",
        },
        "reason": None,
    }
    return found | changes


def edited(path: str, value: Any) -> bytes:
    """A record with one value replaced and the hash made right again."""
    found = copy.deepcopy(document())
    *parents, last = path.split(".")
    target = found
    for name in parents:
        target = target[int(name)] if isinstance(target, list) else target[name]
    target[last] = value
    return json.dumps({**found, "hash": content_hash(found)}).encode()


def faults(data: bytes) -> str:
    with pytest.raises(InvalidRecord) as error:
        parse(data, Path("x.json"))
    return "; ".join(error.value.faults)
