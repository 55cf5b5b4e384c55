"""What two records of one cell say differently, beyond what another machine may change."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ganqbench.records.schema import Audit, Metric, Record

EXACT = 1e-6
"""Relative difference of what no machine may change: a metric without a tolerance, coverage."""
PACKED = 0.01
"""Relative difference of packed size and bit operations: a last level may be reached here and not there."""
_PASSING = re.compile(r"^Given up after \d+ attempts\. | Last output: .*", re.DOTALL)
"""What of a reason is no two runs' alike."""
_COUNTED = re.compile(r"0x[0-9a-f]+|\d[\d.,]*(?:e[+-]?\d+)?")
"""Shares, seconds and addresses, which another machine may change."""


@dataclass(frozen=True)
class Difference:
    """One thing that two records say differently; None stands for absent.

    `allowed` is the largest absolute difference that would have passed; None where any is one too many.
    """

    what: str
    old: float | str | None
    new: float | str | None
    allowed: float | None = None

    @property
    def change(self) -> float | None:
        """New minus old; None where one is no number."""
        if isinstance(self.old, str) or isinstance(self.new, str) or self.old is None or self.new is None:
            return None
        return self.new - self.old

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.what} appeared: {shown(self.new)}"
        if self.new is None:
            return f"{self.what} vanished: it was {shown(self.old)}"
        if self.change is None:
            return f"{self.what} was {self.old} and is {self.new}"
        bound = "none" if self.allowed is None else f"{self.allowed:.3g}"
        return (
            f"{self.what} was {shown(self.old)} and is {shown(self.new)}, "
            f"a difference of {abs(self.change):.4g}; allowed is {bound}"
        )


def shown(value: float | str | None) -> str:
    """A value for people; a dash where there is none."""
    return "-" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def differences(old: Record, new: Record) -> Iterator[Difference]:
    """Every difference of status, metrics and audit beyond tolerance.

    A metric's tolerance is the stricter of the two records', so that no record widens its own.
    """
    if old.status != new.status or not same_reason(old, new):
        yield status_difference(old, new)
        return
    for name in sorted({*old.metrics, *new.metrics}):
        yield from _metric(name, old, new)
    if old.audit is not None and new.audit is not None:
        yield from audit_differences(old.audit, new.audit)


def same_reason(old: Record, new: Record) -> bool:
    """Whether two records give the same reason, numbers in it aside, why there is no result."""
    first, second = (_COUNTED.sub("#", _PASSING.sub("", record.reason or "")) for record in (old, new))
    return first == second


def status_difference(old: Record, new: Record) -> Difference:
    """The difference of two records whose statuses, or the reasons for them, are not the same."""
    return Difference("status", _status(old), _status(new))


def _status(record: Record) -> str:
    return record.status if record.reason is None else f"{record.status} ({record.reason[:200]})"


def _metric(name: str, old: Record, new: Record) -> Iterator[Difference]:
    before, after = old.metrics.get(name), new.metrics.get(name)
    if before is None or after is None:
        yield Difference(name, before.value if before else None, after.value if after else None)
        return
    if before.identity != after.identity:
        yield Difference(f"{name}.identity", before.identity or "none", after.identity or "none")
        return
    if before.n != after.n:
        yield Difference(f"{name}.n", before.n, after.n)
        return
    allowed = _allowed(name, before, old, new)
    # One image may move by sqrt(n) of what their mean may.
    for part, factor in (("value", 1.0), ("low", 1.0), ("high", 1.0), ("worst", math.sqrt(before.n))):
        label = name if part == "value" else f"{name}.{part}"
        yield from _number(label, getattr(before, part), getattr(after, part), allowed * factor)


def _allowed(name: str, metric: Metric, old: Record, new: Record) -> float:
    stated = [record.tolerance[name] for record in (old, new) if name in record.tolerance]
    return min(stated) if stated else EXACT * abs(metric.value)


def audit_differences(old: Audit, new: Audit) -> Iterator[Difference]:
    """Differences of coverage, work and size."""
    for part in ("coverage", "coverage_undeclared"):
        yield from _number(f"audit.{part}", getattr(old, part), getattr(new, part), EXACT)
    yield from _number("audit.macs", old.macs, new.macs, 0)
    for part in ("bops", "bytes"):
        before = getattr(old, part)
        yield from _number(f"audit.{part}", before, getattr(new, part), PACKED * before)


def _number(what: str, old: float | None, new: float | None, allowed: float) -> Iterator[Difference]:
    if old is None and new is None:
        return
    if old is None or new is None:
        yield Difference(what, old, new)
    elif abs(new - old) > allowed:
        yield Difference(what, old, new, allowed)
