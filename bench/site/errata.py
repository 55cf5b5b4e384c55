"""Numbers of older records that are known to be wrong, and so not shown."""

from __future__ import annotations

from ganqbench.records.schema import Record

SIZES_MENDED = "2026-11-29T19:40:00Z"
"""Before, the audit took what exempt sites multiply by (demodulation's factors, filters) for weights."""
SIZES = (
    "The audit that took these sizes counted what demodulation multiplies by as weights: they were too "
    "large, most of all at few bits, and not equally for all methods; they are shown once measured again"
)


MEMORY_MENDED = "2026-11-30T05:45:00Z"
"""Before, it was taken in the process that quantized the generator, where runtimes use freed memory again."""


def has_wrong_memory(record: Record) -> bool:
    """Whether the memory in a record's deployment is such a number."""
    return record.deploy is not None and record.deploy.finished < MEMORY_MENDED


def has_wrong_size(record: Record) -> bool:
    """Whether the packed size in a record is one of those; no other number is."""
    audit = record.audit
    return (
        audit is not None
        and record.provenance.finished < SIZES_MENDED
        and any(op.exempt and op.weights for op in audit.ops)
    )
