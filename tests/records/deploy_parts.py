"""Deploy parts of records, with invented numbers."""

from __future__ import annotations

from typing import Any

from record_factory import HASH

AGREEMENT = {"psnr": 45.0, "worst": 41.0, "worst_pixel": 9, "n": 16}


def spread(value: float) -> dict[str, float]:
    return {"median": value, "low": 0.9 * value, "high": 1.1 * value}


def line(kind: str = "int8", milliseconds: float = 10, ratio: float = 2, **changes: Any) -> dict[str, Any]:
    found = {
        "runtime": "openvino",
        "kind": kind,
        "version": "1",
        "parity": AGREEMENT,
        "latency_ms": spread(milliseconds),
        "cpu_ms": spread(milliseconds),
        "ratio": spread(ratio),
        "integer_share": 0.9 if kind == "int8" else 0.0,
    }
    if kind == "int8":
        found |= {"change": AGREEMENT, "weight_bits": 4}
    return found | changes


PLAIN = line("fp32", 20, 1)
SKIPPED = {"runtime": "ncnn", "kind": "int8", "version": None, "reason": "it reads no such graphs"}


def part(*runtimes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found = {
        "key": HASH,
        "parity_psnr": 45.0,
        "file_bytes": 100,
        "float_bytes": 800,
        "threads": 1,
        "rounds": 9,
        "others": 0.01,
        "busy": False,
        "hardware": {
            **{"cpu": "some", "isa": ["avx2"], "cores": 2, "threads": 1, "os": "Linux"},
            "accelerator": None,
        },
        "runtimes": list(runtimes or (PLAIN, line(), SKIPPED)),
        "reason": None,
        "finished": "2026-01-02T03:04:05Z",
    }
    return found | changes
