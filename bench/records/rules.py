"""What no measurement can give: a record that says so was made up, edited or mixed up."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime

from ganqbench.cell import Bits
from ganqbench.records.deploy_rules import deploy_faults
from ganqbench.records.schema import Audit, Record

PIXELS = ("psnr", "ssim", "mae")
PAIRED = (*PIXELS, "perceptual", "lpips", "qfid", "fid_delta", "kid_delta")
"""Metrics of the change from full precision, which full precision itself can't have."""
TO_FULL_PRECISION = ("perceptual", "lpips", "qfid")
"""Distances whose other side is the full-precision images."""
EMBEDDED = "metric-net@"
"""What the identity of the embedded network begins with."""
PSNR_CAP = 100.0
VISIBLE_BITS = 8
"""Up to this width no method leaves every pixel of every image as it was."""
LEAST_UNDECLARED = 0.5
MOST_ADDED = 0.05
"""Share of the reference's MACs that a module may do beyond them."""
SLACK = 1e-6

_IDENTITY = re.compile(r"(?P<metric>[a-z_]+)\[(?P<space>\S+ \S+) n=(?P<n>\d+) ref=(?P<reference>\S+)\]")


def rule_faults(record: Record) -> Iterator[str]:
    """One sentence for every impossible combination within a well-formed record."""
    yield from _cell_faults(record)
    yield from _count_faults(record)
    if record.status == "ok":
        yield from _change_faults(record)
    if record.audit is not None:
        yield from _audit_faults(record.audit, record.cell.bits)
    if record.deploy is not None:
        yield from deploy_faults(record, record.deploy)


def _cell_faults(record: Record) -> Iterator[str]:
    if record.cell.is_baseline != (str(record.cell.bits) == "FP32"):
        yield f"cell: {record.cell.adapter} at {record.cell.bits}; FP32 is the baseline's, and its alone"
    for name in PAIRED:
        if record.cell.is_baseline and name in record.metrics:
            yield f"metrics.{name}: full precision has no distance to itself"
    if record.training is not None and record.cell.recipe is None:
        yield "training: the cell has no recipe"
    attempts = record.cost.attempts
    if attempts == 0 and record.status != "skipped":
        yield f"cost.attempts: {attempts} for a cell that is {record.status}"
    try:
        datetime.strptime(record.provenance.finished, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        yield f"provenance.finished: {record.provenance.finished} is no date"
    if record.preview is not None and record.preview.width % record.preview.items:
        yield f"preview: {record.preview.width} pixels are not {record.preview.items} images of one width"


def _count_faults(record: Record) -> Iterator[str]:
    final = record.provenance.protocol.get("final")
    if final is None:
        return
    for name, metric in record.metrics.items():
        if metric.n > final or (name in PIXELS and metric.n != final):
            yield f"metrics.{name}.n: {metric.n} images, where the protocol has {final}"


def identity_faults(record: Record) -> Iterator[str]:
    """Distances name what they are computed with, and all of a record are computed with the same.

    LPIPS has a network of its own, and the embedded network may compare pairs beside another network.
    """
    spaces: dict[str, str] = {}
    references: dict[str, str] = {}
    for name, metric in record.metrics.items():
        where = f"metrics.{name}.identity"
        if name in PIXELS:
            if metric.identity is not None:
                yield f"{where}: a metric of pixels has none"
            continue
        found = _IDENTITY.fullmatch(metric.identity or "")
        if found is None or found["metric"] != name:
            yield f"{where}: {metric.identity!r} does not say what {name} was computed with"
            continue
        if int(found["n"]) != metric.n:
            yield f"{where}: it says n={found['n']}, the metric {metric.n}"
        if (found["reference"] == "fp32") != (name in TO_FULL_PRECISION):
            yield f"{where}: {name} has reference {found['reference']}"
        spaces[name] = found["space"]
        if name not in TO_FULL_PRECISION:
            references[name] = found["reference"]
    spaces.pop("lpips", None)
    others = {space for name, space in spaces.items() if name != "perceptual"}
    if spaces.get("perceptual", "").startswith(EMBEDDED) and not any(
        space.startswith(EMBEDDED) for space in others
    ):
        del spaces["perceptual"]
    for what, values in (("network", spaces), ("reference", references)):
        if len(set(values.values())) > 1:
            yield f"metrics: of several {what}s: {', '.join(sorted(set(values.values())))}"


def _change_faults(record: Record) -> Iterator[str]:
    """Images changed or they did not; the metrics can't say both."""
    values = {name: metric.value for name, metric in record.metrics.items()}
    same = {
        "psnr": values.get("psnr") == PSNR_CAP,
        "mae": values.get("mae") == 0,
        "ssim": values.get("ssim") == 1,
        "perceptual": values.get("perceptual") == 0,
        "lpips": values.get("lpips") == 0,
        "qfid": values.get("qfid") == 0,
    }
    stated = {name: same[name] for name in same if name in values}
    pixels = [stated[name] for name in ("psnr", "mae") if name in stated]
    if len(set(pixels)) > 1:
        yield f"metrics: psnr {values['psnr']} and mae {values['mae']} contradict each other"
    narrow = min(record.cell.bits.weights, record.cell.bits.activations) <= VISIBLE_BITS
    if narrow and pixels and all(pixels):
        yield f"metrics: every image equals full precision's, so nothing runs at {record.cell.bits}"
    if narrow and pixels and not any(pixels):
        for name in ("ssim", "perceptual", "lpips", "qfid"):
            if stated.get(name):
                yield f"metrics.{name}: {values[name]} says that no image changed, psnr or mae that they did"
    if "psnr" in record.metrics and "mae" in record.metrics:
        yield from _worst_faults(record)


def _worst_faults(record: Record) -> Iterator[str]:
    """An image's root mean square error is at least its mean absolute error."""
    psnr, mae = record.metrics["psnr"].worst, record.metrics["mae"].worst
    if psnr is None or not mae:
        return
    most = 20 * math.log10(255 / mae)
    if psnr > most + SLACK:
        yield f"metrics.psnr.worst: {psnr} is impossible beside an image with mae {mae}, at most {most:.3f}"


def _audit_faults(audit: Audit, bits: Bits) -> Iterator[str]:
    """Disagreement between the totals of an audit and its rows."""
    counted = [op for op in audit.ops if not op.exempt]
    sites = [op for op in counted if op.match != "extra"]
    total = sum(op.macs for op in sites)
    if total != audit.macs:
        yield f"audit.macs is {audit.macs}, its operations sum to {total}"
    for name, recounted in zip(("coverage", "coverage_undeclared"), audit.recount(bits), strict=True):
        stated = getattr(audit, name)
        if not math.isclose(stated, recounted, rel_tol=SLACK, abs_tol=SLACK):
            yield f"audit.{name} is {stated}, its operations give {recounted:.6f}"
    bops = sum(op.macs * math.prod(op.widths) for op in counted)
    bops += audit.hidden_work * 32 * 32
    # Counts per image are rounded up to whole ones, operation by operation.
    if abs(bops - audit.bops) > 32 * 32 * (len(counted) + 1):
        yield f"audit.bops is {audit.bops}, its operations give {bops}"
    declared = sum(op.macs for op in sites if op.declared)
    if declared > (1 - LEAST_UNDECLARED) * total + len(sites):
        yield f"audit: {declared} of {total} MACs are declared exempt, more than half"
    added = sum(op.macs for op in counted if op.match == "extra")
    if added > MOST_ADDED * total + len(counted):
        yield f"audit: {added} MACs beyond the reference's {total} are too many"
    for op in audit.ops:
        if op.weight_levels == 0 or op.activation_levels == 0:
            yield f"audit: operation {op.site} has an operand of no levels"
