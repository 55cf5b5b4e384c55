"""A record against a re-run of its cell's first inputs: what a part can say of the whole.

Audit, operation counts and pictures must be those of a whole re-run. Means of the first inputs can't
equal those of all; they may differ by the tolerance and by what so few inputs vary. Distances of whole
sets of images are not judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ganqbench.records.compare import Difference, audit_differences, same_reason, status_difference
from ganqbench.records.rules import PIXELS
from ganqbench.records.schema import Metric, Record

SIGMAS = 5.0
"""Standard errors by which the mean of the first inputs may differ from that of all."""


def spot_differences(record: Record, part: Record) -> Iterator[Difference]:
    """Every difference that a re-run of the first inputs shows, beyond tolerance and chance."""
    if record.status != part.status or not same_reason(record, part):
        yield status_difference(record, part)
        return
    for name in PIXELS:
        before, after = record.metrics.get(name), part.metrics.get(name)
        if before is not None and after is not None:
            stated = [each.tolerance[name] for each in (record, part) if name in each.tolerance]
            yield from _metric(name, before, after, min(stated, default=0.0))
    if record.audit is not None and part.audit is not None:
        yield from audit_differences(record.audit, part.audit)


def _metric(name: str, whole: Metric, part: Metric, tolerance: float) -> Iterator[Difference]:
    # Both sides' errors count: an author could widen the record's own, and few inputs may all be alike.
    spreads = [each.se * math.sqrt(each.n) for each in (whole, part) if each.se is not None]
    few = max(0.0, 1 - part.n / whole.n)
    allowed = tolerance + SIGMAS * max(spreads, default=0.0) * math.sqrt(few / part.n)
    if spreads and abs(part.value - whole.value) > allowed:
        yield Difference(f"{name} of the first {part.n} inputs", whole.value, part.value, allowed)
    if whole.worst is None or part.worst is None:
        return
    # No input is worse than the worst of all; one may move by sqrt(n) of what their mean may.
    beyond = (part.worst - whole.worst) * (1 if whole.worst > whole.value else -1)
    if beyond > tolerance * math.sqrt(whole.n):
        yield Difference(f"{name}.worst", whole.worst, part.worst, tolerance * math.sqrt(whole.n))
