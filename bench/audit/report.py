"""What the audit found, and the numbers that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from ganqbench.audit.operands import Granularity, bit_width
from ganqbench.audit.products import Kind

Match = Literal["site", "missing", "extra"]
LEAST_COVERAGE = 0.95
"""Share of the multiply-accumulates that must run at the claimed width."""


@dataclass(frozen=True)
class Op:
    """One product: a site of the reference, or an extra one of the quantized module.

    `site` is the module path in the reference (in the quantized module for an extra one);
    `match` says whether the module has it ("missing": it does not, and counts as full
    precision). Levels are None where the operand lies on no grid. For a product of two
    activations (`kind` "matmul") the `weight_` fields describe its right operand.
    `static` is False where an activation's grid moved with the input. `exempt` sites are
    left out by the zoo, `declared` ones by the method.
    """

    site: str
    kind: Kind
    match: Match
    macs: int
    weight_levels: int | None
    activation_levels: int | None
    weight_granularity: Granularity | None
    activation_granularity: Granularity | None
    static: bool
    weights: int
    scale_groups: int
    exempt: bool = False
    declared: bool = False

    @property
    def weight_bits(self) -> int:
        """Measured width of the weight (right operand), 32 without a grid."""
        return bit_width(self.weight_levels)

    @property
    def activation_bits(self) -> int:
        """Measured width of the activation, 32 without a grid."""
        return bit_width(self.activation_levels)

    def meets(self, weight_bits: int, activation_bits: int) -> bool:
        """Whether both operands are at most this wide; both operands of a matmul are activations."""
        limit = activation_bits if self.kind == "matmul" else weight_bits
        return self.weight_bits <= limit and self.activation_bits <= activation_bits


@dataclass(frozen=True)
class AuditReport:
    """Result of one audit; MACs are those of the whole batch that was audited.

    `hidden_work` are values touched by elementwise operations beyond what the reference and
    any way of fake-quantizing account for; they count as full-precision MACs. `violations`
    are reasons why the module's numbers can't be trusted: with any, coverage is 0. `images`
    are what the module gave for the inputs, for comparison with the evaluator's own, and
    `reference_images` what the reference did.
    """

    ops: tuple[Op, ...]
    packed_bytes: int
    hidden_work: int
    batch: int
    violations: tuple[str, ...]
    images: Tensor = field(repr=False, compare=False)
    reference_images: Tensor = field(repr=False, compare=False)

    @property
    def sites(self) -> tuple[Op, ...]:
        """The reference's products that count: all but the zoo's exempt ones."""
        return tuple(op for op in self.ops if op.match != "extra" and not op.exempt)

    @property
    def macs(self) -> int:
        """MACs of the full-precision reference (without exempt sites)."""
        return sum(op.macs for op in self.sites)

    @property
    def extra_macs(self) -> int:
        """Full-precision MACs that the module does beyond the reference's, hidden work included."""
        return self._beyond(31, 31)

    def coverage(self, weight_bits: int, activation_bits: int, *, declared: bool = True) -> float:
        """Share of MACs that run at these widths or less, 0 to 1.

        Extra products above the claimed width join the denominator. With `declared=False`
        the sites that the method declared exempt are left out of the question.
        """
        sites = [op for op in self.sites if declared or not op.declared]
        covered = sum(
            op.macs for op in sites if op.match == "site" and op.meets(weight_bits, activation_bits)
        )
        whole = sum(op.macs for op in sites) + self._beyond(weight_bits, activation_bits)
        return covered / whole if whole and not self.violations else 0.0

    def bops(self) -> int:
        """Bit operations: MACs x measured weight bits x measured activation bits, extra work included.

        32 bits where there is no grid; missing sites and hidden work count as 32 x 32.
        """
        counted = sum(op.macs * op.weight_bits * op.activation_bits for op in self.ops if not op.exempt)
        return counted + self.hidden_work * 32 * 32

    def failure(self, weight_bits: int, activation_bits: int) -> str | None:
        """Why a claim of these widths does not hold, as one sentence; None when it holds.

        It holds when nothing was violated, at least 95 % of the MACs outside the declared sites
        meet it, declared sites take at most half of all MACs, and the module does not do more
        than 5 % MACs on top (a wide product can be written as a sum of narrow ones).
        """
        if self.violations:
            return self.violations[0]
        outside = [op for op in self.sites if not op.declared]
        if 2 * sum(op.macs for op in outside) < self.macs:
            return "The method declares more than half of the model's MACs exempt."
        added = sum(op.macs for op in self.ops if op.match == "extra" and not op.exempt)
        if added > (1 - LEAST_COVERAGE) * self.macs:
            return f"The module does {added / self.macs:.1%} more MACs than the full-precision model."
        share = self.coverage(weight_bits, activation_bits, declared=False)
        if share >= LEAST_COVERAGE:
            return None
        missed = [op for op in outside if op.match == "missing" or not op.meets(weight_bits, activation_bits)]
        worst = max(missed, key=lambda op: op.macs, default=None)
        where = f"; the largest that is not: {worst.site} ({describe(worst)})" if worst else ""
        return f"Only {share:.1%} of the MACs are at W{weight_bits}A{activation_bits}{where}."

    def _beyond(self, weight_bits: int, activation_bits: int) -> int:
        extra = [op for op in self.ops if op.match == "extra" and not op.exempt]
        return self.hidden_work + sum(op.macs for op in extra if not op.meets(weight_bits, activation_bits))


def describe(op: Op) -> str:
    """Measured widths of a site in a few characters, for example `W5A8`, `W32A8` or `missing`."""
    return "missing" if op.match == "missing" else f"W{op.weight_bits}A{op.activation_bits}"
