"""Schema v1 of a record. Results are untrusted input: strict types, bounded sizes, no unknown fields."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ganqbench.cell import Cell, Slug

SCHEMA = 1
MIN_COVERAGE = 0.95
"""Share of MACs at the claimed width below which a claim does not hold."""

Text = Annotated[str, Field(max_length=4000)]
Name = Annotated[str, Field(max_length=200)]
Sha256 = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Seconds = Annotated[float, Field(ge=0)]
Status = Literal["ok", "failed", "skipped"]


class Part(BaseModel):
    """Base of every part of a record: strict, closed, immutable, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


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
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high come together or not at all")
        if self.low is not None and self.high is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} lies outside its interval {self.low}..{self.high}")
        return self


class AuditedOp(Part):
    """What reached one weighted operation of the generator; levels are null where there is no grid."""

    site: Name
    kind: Slug
    macs: Count
    weight_levels: Count | None
    activation_levels: Count | None
    granularity: Name | None = None
    exempt: bool = False


class Audit(Part):
    """What the audit measured; `bytes` is the packed size of weights, scales and zero-points."""

    coverage: Annotated[float, Field(ge=0, le=1)]
    macs: Count
    extra_macs: Count = 0
    bops: Count
    bytes: Count
    ops: Annotated[tuple[AuditedOp, ...], Field(max_length=2000)]
    violations: Annotated[tuple[Text, ...], Field(max_length=50)] = ()


class Phase(Part):
    """Wall-clock and CPU seconds of one phase of a cell."""

    wall_s: Seconds
    cpu_s: Seconds


class Cost(Part):
    """Time per phase and the peak resident memory of the cell's process, in bytes."""

    phases: Annotated[dict[Slug, Phase], Field(max_length=20)] = {}
    peak_memory: Count | None = None


class Hardware(Part):
    """The machine that ran the cell."""

    cpu: Name
    isa: Annotated[tuple[Slug, ...], Field(max_length=64)]
    cores: Count
    threads: Count
    os: Name


class Preview(Part):
    """The image file beside the record: the first evaluation items, left to right."""

    sha256: Sha256
    items: Annotated[int, Field(ge=1, le=64)]
    width: Annotated[int, Field(ge=1, le=4096)]
    height: Annotated[int, Field(ge=1, le=4096)]


class Provenance(Part):
    """Where the numbers come from and what makes them current."""

    key: Sha256
    numeric_code: Sha256
    suite: Sha256
    weights: Sha256 | None
    inputs: Annotated[dict[Slug, Name], Field(max_length=8)] = {}
    baseline_images: Sha256 | None = None
    versions: Annotated[dict[Name, Name | None], Field(max_length=64)]
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None
    dirty: bool | None
    hardware: Hardware
    command: Text
    seeds: Annotated[dict[Slug, Count], Field(max_length=16)] = {}
    finished: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Record(Part):
    """One cell's result. `hash` is SHA-256 of the RFC 8785 form of everything else."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    status: Status
    cell: Cell
    metrics: Annotated[dict[Slug, Metric], Field(max_length=64)]
    audit: Audit | None
    deploy: None = None
    cost: Cost
    tolerance: Annotated[dict[Slug, Annotated[float, Field(gt=0)]], Field(max_length=64)] = {}
    preview: Preview | None = None
    provenance: Provenance
    reason: Text | None
    hash: Sha256

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
            if self.audit.coverage < MIN_COVERAGE or self.audit.violations:
                raise ValueError(
                    f"the audit does not support {self.cell.bits}: coverage {self.audit.coverage:.3f}, "
                    f"{len(self.audit.violations)} violations"
                )
        return self
