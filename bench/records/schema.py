"""The present schema of a record.

Results are untrusted input: strict types, bounded sizes, no unknown fields.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ganqbench.cell import Bits, Cell, Slug
from ganqbench.records.deploy_schema import Deploy
from ganqbench.records.migrations import SCHEMA as SCHEMA
from ganqbench.records.part import (
    Commit,
    Count,
    Hardware,
    Name,
    Part,
    Sha256,
    Share,
    Text,
    Time,
    check_interval,
)

MIN_COVERAGE = 0.95
"""Share of the MACs, declared layers aside, below which a claim of widths does not hold."""
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Status = Literal["ok", "failed", "skipped"]


class Metric(Part):
    """One number with its 95 % interval. `low`/`high` are null where no interval can be given."""

    value: float
    low: float | None
    high: float | None
    n: Annotated[int, Field(ge=1)]
    se: Annotated[float, Field(ge=0)] | None = None
    worst: float | None = None
    identity: Name | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Metric:
        check_interval("value", self.value, self.low, self.high)
        return self


class AuditedOp(Part):
    """What reached one product of the generator; levels are null where an operand is on no grid.

    `match` is `site` for a product of the full-precision model that the quantized one has,
    `missing` for one it lacks, `extra` for one it has beyond. For `matmul` both operands are
    activations. MACs are those of one image.
    """

    site: Name
    kind: Slug
    match: Literal["site", "missing", "extra"]
    macs: Count
    weight_levels: Count | None
    activation_levels: Count | None
    weight_granularity: Slug | None
    activation_granularity: Slug | None
    static: bool
    weights: Count
    scale_groups: Count
    exempt: bool
    declared: bool

    @property
    def widths(self) -> tuple[int, int]:
        """Bits that number the levels of either operand; 32 for one on no grid."""
        return _width(self.weight_levels), _width(self.activation_levels)

    def meets(self, bits: Bits) -> bool:
        """Whether both operands have at most the levels that these widths allow."""
        left = 2 ** (bits.activations if self.kind == "matmul" else bits.weights)
        return _within(self.weight_levels, left) and _within(self.activation_levels, 2**bits.activations)


def _width(levels: int | None) -> int:
    return 32 if levels is None else max((levels - 1).bit_length(), 1)


def _within(levels: int | None, limit: int) -> bool:
    """No grid means full precision, 32 bits."""
    return limit >= 2**32 or (levels is not None and levels <= limit)


class Audit(Part):
    """What the audit measured, for one image.

    `coverage` is the share of MACs at the claimed widths, `coverage_undeclared` that share without
    the layers which the method declares exempt. `bytes` is the packed size of the whole model:
    weights, scales and zero-points, and everything unquantized at 4 bytes.
    """

    coverage: Share
    coverage_undeclared: Share
    macs: Count
    hidden_work: Count
    bops: Count
    bytes: Count
    ops: Annotated[tuple[AuditedOp, ...], Field(max_length=2000)]

    def recount(self, bits: Bits) -> tuple[float, float]:
        """`coverage` and `coverage_undeclared` as the rows give them."""
        sites = [op for op in self.ops if op.match != "extra" and not op.exempt]
        beyond = self.hidden_work + sum(
            op.macs for op in self.ops if op.match == "extra" and not op.exempt and not op.meets(bits)
        )
        return _share(sites, bits, beyond), _share([op for op in sites if not op.declared], bits, beyond)


def _share(sites: list[AuditedOp], bits: Bits, beyond: int) -> float:
    covered = sum(op.macs for op in sites if op.match == "site" and op.meets(bits))
    whole = sum(op.macs for op in sites) + beyond
    return covered / whole if whole else 0.0


class Phase(Part):
    """Wall-clock and CPU seconds of one phase of a cell."""

    wall_s: Seconds
    cpu_s: Seconds


class Cost(Part):
    """Time per phase and the peak resident memory of the cell's process, in bytes.

    `attempts` counts the processes that were started for the cell; none for one skipped beforehand.
    """

    phases: dict[Slug, Phase] = Field({}, max_length=20)
    peak_memory: Count | None = None
    attempts: Annotated[int, Field(ge=0, le=100)]


class Preview(Part):
    """The image file beside the record: the first evaluation items, left to right."""

    sha256: Sha256
    items: Annotated[int, Field(ge=1, le=64)]
    width: Annotated[int, Field(ge=1, le=4096)]
    height: Annotated[int, Field(ge=1, le=4096)]


class Training(Part):
    """What came of a recipe: of how many steps, and the step whose state was kept.

    0 where no state was nearer to full precision than the start: then the start is what was measured.
    """

    steps: Annotated[int, Field(ge=1)]
    kept: Count

    @model_validator(mode="after")
    def _within(self) -> Training:
        if self.kept > self.steps:
            raise ValueError(f"kept {self.kept} of {self.steps} steps")
        return self


class Provenance(Part):
    """Where the numbers come from and what makes them current."""

    key: Sha256
    numeric_code: Sha256
    suite: Sha256
    weights: Sha256 | None
    protocol: Annotated[dict[Slug, Count], Field(max_length=16)]
    inputs: dict[Slug, Name] = Field({}, max_length=8)
    baseline_images: Sha256 | None = None
    versions: Annotated[dict[Name, Name | None], Field(max_length=64)]
    commit: Commit | None
    dirty: bool | None
    hardware: Hardware
    command: Text
    seeds: dict[Slug, Count] = Field({}, max_length=16)
    finished: Time

    @property
    def libraries(self) -> str:
        """The versions that can change a number, which Python's own can't."""
        found = sorted(self.versions.items())
        return ", ".join(f"{name} {version}" for name, version in found if name != "python")


class Record(Part):
    """One cell's result. `hash` is SHA-256 of the RFC 8785 form of everything else."""

    schema_version: Annotated[Literal[2], Field(alias="schema")]
    status: Status
    cell: Cell
    metrics: Annotated[dict[Slug, Metric], Field(max_length=64)]
    audit: Audit | None
    training: Training | None = None
    deploy: Deploy | None = None
    cost: Cost
    tolerance: dict[Slug, Annotated[float, Field(gt=0)]] = Field({}, max_length=64)
    preview: Preview | None = None
    provenance: Provenance
    reason: Text | None
    hash: Sha256

    @property
    def row(self) -> str:
        """The configuration that was measured, whatever its seed."""
        return self.cell.label.rpartition(".s")[0]

    @model_validator(mode="after")
    def _consistent(self) -> Record:
        if (self.status == "ok") != (self.reason is None):
            raise ValueError("a reason is given exactly when the status is not ok")
        if self.status != "ok" and self.metrics:
            raise ValueError(f"a {self.status} cell has no metrics")
        if self.status == "ok" and self.preview is None:
            raise ValueError("an ok cell has a preview image")
        if self.status == "ok" and not self.cell.is_baseline:
            if self.audit is None:
                raise ValueError("an ok cell has an audit")
            if self.audit.coverage_undeclared < MIN_COVERAGE:
                raise ValueError(
                    f"the audit does not support {self.cell.bits}: "
                    f"coverage {self.audit.coverage_undeclared:.3f} instead of {MIN_COVERAGE}"
                )
        return self
