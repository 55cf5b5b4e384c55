"""Measured latencies: what a deployed integer graph took, and the full precision beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganqbench.records.schema import Record

_UNITS = {"latency_s": 1.0, "latency_ms": 1e-3, "latency_us": 1e-6}
"""Names that a latency may have. One without a unit is not shown: it could be off by a thousand."""


@dataclass(frozen=True)
class Timing:
    """One graph in one runtime. Ratios are against the best full precision of the same run.

    `cpu_s` is time of the processor for one image, `rate` images per second in batches of `batch`,
    `parity` the PSNR to the measured generator's images and `change` that to full precision's, `memory`
    bytes that opening and running it took, and `weight_bits` the width its weights really have.
    """

    runtime: str
    kind: str
    latency_s: float
    ratio: float | None
    integer_share: float | None
    """Share of the MACs that integer kernels executed."""
    cpu_s: float | None = None
    batch: int | None = None
    rate: float | None = None
    rate_ratio: float | None = None
    memory: float | None = None
    weight_bits: float | None = None
    parity: float | None = None
    change: float | None = None
    note: str = ""
    busy: bool = False
    """Whether something else used the machine meanwhile."""

    @property
    def integer(self) -> bool:
        """Whether it is the quantized graph."""
        return self.kind.startswith("int")


def timings(record: Record) -> tuple[Timing, ...]:
    """The timings of a record, the fastest first; none where nothing was deployed."""
    deploy = record.model_dump(mode="json", include={"deploy"}).get("deploy") or {}
    found = [timing for line in deploy.get("runtimes", ()) if (timing := _timing(line, deploy))]
    return tuple(sorted(found, key=lambda timing: (timing.latency_s, timing.runtime, timing.kind)))


def fastest(record: Record) -> Timing | None:
    """What a row shows: its fastest integer graph, or full precision for FP32."""
    wanted = not record.cell.is_baseline
    return next((timing for timing in timings(record) if timing.integer == wanted), None)


def _timing(line: Mapping[str, Any], deploy: Mapping[str, Any]) -> Timing | None:
    seconds = next(
        (factor * value for name, factor in _UNITS.items() if (value := _number(line.get(name))) is not None),
        None,
    )
    if seconds is None:
        return None
    share = next((line[name] for name in line if name.startswith("integer_")), None)
    return Timing(
        str(line.get("runtime", "")),
        str(line.get("kind", "")),
        seconds,
        _number(line.get("ratio")),
        _number(share),
        cpu_s=None if (cpu := _number(line.get("cpu_ms"))) is None else cpu * 1e-3,
        batch=_part(line, "throughput").get("batch"),
        rate=_number(_part(line, "throughput").get("items_per_s")),
        rate_ratio=_number(_part(line, "throughput").get("ratio")),
        memory=_number(line.get("memory")),
        weight_bits=_number(line.get("weight_bits")),
        parity=_number(_part(line, "parity").get("psnr")),
        change=_number(_part(line, "change").get("psnr")),
        note=line.get("note") or "",
        busy=bool(deploy.get("busy")),
    )


def _part(line: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = line.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(value: Any) -> float | None:
    """A number, alone or with its interval; None for anything that is not finite."""
    if isinstance(value, Mapping):
        value = value.get("median", value.get("value"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
