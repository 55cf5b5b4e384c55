"""The present schema of a record.

Results are untrusted input: strict types, bounded sizes, no unknown fields.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ganqbench.cell import Bits, Cell, Slug
from ganqbench.records.migrations import SCHEMA as SCHEMA

MIN_COVERAGE = 0.95
"""Share of the MACs, declared layers aside, below which a claim of widths does not hold."""

Text = Annotated[str, Field(max_length=4000)]
Name = Annotated[str, Field(max_length=200)]
Sha256 = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Seconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Status = Literal["ok", "failed", "skipped"]
LEAST_PARITY = 40.0
"""Mean PSNR in dB below which a graph is not the generator that was measured, and has no latency."""


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

    def meets(self, bits: Bits) -> bool:
        """Whether both operands have at most the levels that these widths allow."""
        left = 2 ** (bits.activations if self.kind == "matmul" else bits.weights)
        return _within(self.weight_levels, left) and _within(self.activation_levels, 2**bits.activations)


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

    phases: Annotated[dict[Slug, Phase], Field(max_length=20)] = {}
    peak_memory: Count | None = None
    attempts: Annotated[int, Field(ge=0, le=100)]


class Hardware(Part):
    """The machine that ran the cell."""

    cpu: Name
    isa: Annotated[tuple[Slug, ...], Field(max_length=64)]
    cores: Count
    threads: Count
    os: Name
    accelerator: Name | None
    """The kind of device that the cell could see beside the processor."""


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
    protocol: Annotated[dict[Slug, Count], Field(max_length=16)]
    inputs: Annotated[dict[Slug, Name], Field(max_length=8)] = {}
    baseline_images: Sha256 | None = None
    versions: Annotated[dict[Name, Name | None], Field(max_length=64)]
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None
    dirty: bool | None
    hardware: Hardware
    command: Text
    seeds: Annotated[dict[Slug, Count], Field(max_length=16)] = {}
    finished: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Agreement(Part):
    """How well two models' uint8 images agree: mean PSNR in dB (at most 100), its worst image, n images."""

    psnr: Annotated[float, Field(le=100)]
    worst: Annotated[float, Field(le=100)]
    worst_pixel: Annotated[int, Field(ge=0, le=255)]
    n: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _ordered(self) -> Agreement:
        if self.worst > self.psnr:
            raise ValueError(f"the worst image, {self.worst} dB, is better than the mean, {self.psnr}")
        return self


class Spread(Part):
    """A median over interleaved rounds with its 95 % interval."""

    median: Annotated[float, Field(gt=0)]
    low: Annotated[float, Field(gt=0)]
    high: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _ordered(self) -> Spread:
        if not self.low <= self.median <= self.high:
            raise ValueError(f"median {self.median} lies outside its interval {self.low}..{self.high}")
        return self


class Throughput(Part):
    """Batches of `batch` items; `ratio` is that of the latencies, against the best full precision."""

    batch: Annotated[int, Field(ge=2, le=4096)]
    items_per_s: Spread
    ratio: Spread


class Deployed(Part):
    """One graph in one runtime, either timed or with the reason why not.

    `parity` is agreement with the module that the graph was written from, `change` an integer graph's
    agreement with full precision. Times are of one image; `ratio` is how many times as fast as the
    best full precision of the same run. `integer_share` is the share of MACs that integer kernels
    executed, as the runtime reports it, `note` names the operators that ran without one, `weight_bits` is
    the width of the stored weights with sign, and `memory` by how many bytes opening and running the
    graph let the process grow.
    """

    runtime: Slug
    kind: Literal["fp32", "int8"]
    version: Name | None
    parity: Agreement | None = None
    change: Agreement | None = None
    latency_ms: Spread | None = None
    cpu_ms: Spread | None = None
    ratio: Spread | None = None
    throughput: Throughput | None = None
    integer_share: Share | None = None
    weight_bits: Annotated[int, Field(ge=1, le=8)] | None = None
    memory: Count | None = None
    note: Text | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _timed_or_explained(self) -> Deployed:
        timed = (self.latency_ms, self.cpu_ms, self.ratio)
        if any((value is None) != (self.reason is not None) for value in timed):
            raise ValueError("a graph has its times exactly when no reason says why not")
        if self.latency_ms is not None and self.parity is None:
            raise ValueError("a latency is of images that were compared")
        return self


class Deploy(Part):
    """What a cell's generator costs as a graph of integers, measured apart from its other numbers.

    `key` is the resume key of the record that it belongs to. `parity_psnr` is the lowest parity of a timed
    integer graph. `saturating` are the runtimes whose sums overflow on this CPU: there, weights
    were rounded to 7 bits. `others` is how many cores everything else used meanwhile.
    """

    key: Sha256
    parity_psnr: float | None
    file_bytes: Count | None
    float_bytes: Count
    threads: Annotated[int, Field(ge=1)]
    rounds: Count
    others: Annotated[float, Field(ge=0)] | None
    busy: bool
    saturating: Annotated[tuple[Slug, ...], Field(max_length=8)] = ()
    hardware: Hardware
    runtimes: Annotated[tuple[Deployed, ...], Field(max_length=32)]
    reason: Text | None
    """Why there is no integer graph."""
    finished: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Record(Part):
    """One cell's result. `hash` is SHA-256 of the RFC 8785 form of everything else."""

    schema_version: Annotated[Literal[2], Field(alias="schema")]
    status: Status
    cell: Cell
    metrics: Annotated[dict[Slug, Metric], Field(max_length=64)]
    audit: Audit | None
    deploy: Deploy | None = None
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
            if self.audit.coverage_undeclared < MIN_COVERAGE:
                raise ValueError(
                    f"the audit does not support {self.cell.bits}: "
                    f"coverage {self.audit.coverage_undeclared:.3f} instead of {MIN_COVERAGE}"
                )
        return self
