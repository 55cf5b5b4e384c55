"""What the paired difference of a row to FP32 allows to be said."""

from __future__ import annotations

from dataclasses import dataclass

from ganqbench.metrics.interval import Estimate
from ganqbench.metrics.judgement import MARGIN, Verdict, verdict
from ganqbench.site.columns import Values
from ganqbench.site.identity import space

__all__ = ["MARGIN", "NO_RANK", "Judged", "judged"]

NO_RANK = "no rank"
"""Words in a metric's note that forbid an order by it."""


@dataclass(frozen=True)
class Judged:
    """A verdict as the board shows it."""

    verdict: Verdict
    why: str

    @property
    def short(self) -> str:
        """In a word or two."""
        return _SHORT[self.verdict]

    @property
    def slug(self) -> str:
        """Its class in the stylesheet, and its name in a page's address."""
        return _SLUGS[self.verdict]

    @property
    def holds(self) -> bool:
        """Whether the row is shown to be no worse than FP32."""
        return self.verdict in (Verdict.NO_WORSE, Verdict.BETTER)


_SHORT = {
    Verdict.BETTER: "better",
    Verdict.NO_WORSE: "\u2248 FP32",
    Verdict.WORSE: "worse",
    Verdict.NOT_DECIDED: "not decided",
}
_SLUGS = {
    Verdict.BETTER: "better",
    Verdict.NO_WORSE: "same",
    Verdict.WORSE: "worse",
    Verdict.NOT_DECIDED: "open",
}


def judged(
    values: Values, identity: str, fp32: Values | None, fp32_identity: str, suite_n: int | None
) -> Judged | None:
    """The verdict on a row's `fid_delta`; None where it has none.

    Without FP32's own distance of the same kind, or the suite's number of images, nothing is decided.
    """
    if values.get("fid_delta") is None:
        return None
    if fp32 is None or fp32.get("fid") is None:
        return Judged(Verdict.NOT_DECIDED, "FP32 has no distance here to take the margin from")
    if space(identity) != space(fp32_identity):
        return Judged(Verdict.NOT_DECIDED, "FP32's distance is of another kind")
    if suite_n is None:
        return Judged(Verdict.NOT_DECIDED, "the records disagree on the suite's number of images")
    delta, base = _estimate(values, "fid_delta"), _estimate(fp32, "fid")
    if delta.low is not None and delta.high is not None and not delta.low <= delta.value <= delta.high:
        return Judged(Verdict.NOT_DECIDED, "the difference lies outside its own interval")
    found = verdict(delta, base, suite_n)
    return Judged(found, _why(found, delta, base, suite_n))


def _why(found: Verdict, delta: Estimate, base: Estimate, suite_n: int) -> str:
    margin = f"the margin, {MARGIN:.0%} of FP32's distance".replace("%", "\u00a0%")
    if found is Verdict.BETTER:
        return "the paired 95\u00a0% interval lies wholly below 0"
    if found is Verdict.NO_WORSE:
        return f"the paired 95\u00a0% interval ends within {margin}"
    if found is Verdict.WORSE:
        return f"the paired 95\u00a0% interval lies above 0 and goes beyond {margin}"
    if delta.low is None:
        return "there is no interval"
    if not delta.n == base.n == suite_n:
        return f"it was not measured on the suite's {suite_n} images"
    return f"the paired 95\u00a0% interval holds 0 and goes beyond {margin}"


def _estimate(values: Values, key: str) -> Estimate:
    value, n = values.get(key), values.get(f"{key}_n")
    return Estimate(
        value=float("nan") if value is None else value,
        se=None,
        low=values.get(f"{key}_low"),
        high=values.get(f"{key}_high"),
        n=int(n or 0),
    )
