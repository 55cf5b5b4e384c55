"""What no deployment of a record can show."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ganqbench.records.deploy_schema import LEAST_PARITY, Deploy, Deployed
from ganqbench.records.schema import Record

_SLACK = 1e-3
"""Intervals of ratios and of the times that they are ratios of come from the same rounds."""


def deploy_faults(record: Record, deploy: Deploy) -> Iterator[str]:
    """One sentence for each."""
    if record.status != "ok":
        yield f"deploy: a {record.status} cell has no generator to deploy"
    if deploy.key != record.provenance.key:
        yield "deploy.key: it was measured for another record of this cell; run `ganqbench deploy` again"
    timed = [line for line in deploy.runtimes if line.latency_ms is not None]
    names = [(line.runtime, line.kind) for line in deploy.runtimes]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"deploy: {' '.join(name)} stands there twice"
    integer = [line for line in deploy.runtimes if line.kind == "int8"]
    if record.cell.is_baseline and integer:
        yield "deploy: full precision has no integer graph"
    if bool(integer) and deploy.file_bytes is None:
        yield "deploy.file_bytes: there are latencies of an integer graph, but no file"
    if not integer and not record.cell.is_baseline and deploy.reason is None:
        yield "deploy.reason: there is no integer graph, and nothing says why"
    for line in timed:
        yield from _line_faults(line, record)
    lowest = min((line.parity.psnr for line in timed if line.kind == "int8" and line.parity), default=None)
    if lowest != deploy.parity_psnr:
        yield f"deploy.parity_psnr: {deploy.parity_psnr}, where the lowest of its lines is {lowest}"
    yield from _best_faults(timed)


def _line_faults(line: Deployed, record: Record) -> Iterator[str]:
    where = f"deploy: {line.runtime} {line.kind}"
    assert line.parity is not None  # of every timed line, by the schema
    if line.parity.psnr < LEAST_PARITY:
        yield f"{where} agrees to {line.parity.psnr} dB only; latencies are published from {LEAST_PARITY} on"
    if line.kind == "fp32" and line.integer_share:
        yield f"{where}: full precision runs in no integer kernel"
    if line.kind == "int8" and (line.weight_bits is None or line.change is None):
        yield f"{where}: the width of its weights or its change from full precision is missing"
    declared = record.audit is not None and any(op.declared for op in record.audit.ops)
    # A grid without a level at 0 (DoReFa) is stored as odd multiples of half its step: one bit more.
    most = record.cell.bits.weights + 1
    if line.weight_bits is not None and line.weight_bits > most and not declared:
        yield f"{where}: weights of {line.weight_bits} bits in a cell of {record.cell.bits}"


def _best_faults(timed: list[Deployed]) -> Iterator[str]:
    """The best full precision is 1 by definition, and nothing of full precision is faster than it."""
    plain = [line for line in timed if line.kind == "fp32" and line.latency_ms and line.ratio]
    if timed and not plain:
        yield "deploy: latencies without one of full precision to compare with"
        return
    best = min(plain, key=lambda line: line.latency_ms.median if line.latency_ms else 0, default=None)
    if best is not None and best.ratio and not math.isclose(best.ratio.median, 1, abs_tol=_SLACK):
        yield f"deploy: {best.runtime} is the fastest full precision, its ratio is {best.ratio.median}"
