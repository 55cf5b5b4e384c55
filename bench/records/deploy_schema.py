"""The part of a record that says what its generator costs as an integer graph."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ganqbench.cell import Slug
from ganqbench.records.part import Count, Hardware, Name, Part, Sha256, Share, Text, Time, check_interval

LEAST_PARITY = 40.0
"""Mean PSNR in dB below which a graph is not the generator that was measured, and has no latency."""


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
        check_interval("median", self.median, self.low, self.high)
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
    the width of the stored weights with sign, and `memory` by how many bytes a new process grew
    at its peak, opening and running the graph.
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
    """What a cell's generator costs as an integer graph, measured apart from its other numbers.

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
    finished: Time
