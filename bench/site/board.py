"""A board: the rows of one GAN in one suite, in order, with the runs behind each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ganqbench.site import format as fmt
from ganqbench.site import names
from ganqbench.site.columns import BY_KEY, COST, METRICS, WAITING, Column
from ganqbench.site.identity import Mixed
from ganqbench.site.judge import NO_RANK
from ganqbench.site.row import Row


@dataclass(frozen=True)
class Board:
    """One GAN in one suite version."""

    suite: str
    version: int
    gan: str
    lead: Column
    """What it is sorted by."""
    rows: tuple[Row, ...]
    dropped: tuple[Mixed, ...] = ()
    """Metrics that are left out, since the runs measured different things by their name."""

    @property
    def folder(self) -> str:
        """Its folder in the site, the same as in `results/`."""
        return f"{self.suite}-v{self.version}/{self.gan}"

    @property
    def path(self) -> str:
        """Its page."""
        return f"{self.folder}/index.html"

    @property
    def suite_name(self) -> str:
        """Suite and version in words."""
        return f"{self.suite} v{self.version}"

    @property
    def names(self) -> names.Gan:
        """The GAN's heading."""
        return names.gan(self.gan)

    @cached_property
    def baseline(self) -> Row | None:
        """FP32's row, if it gave a result."""
        return next((row for row in self.rows if row.is_baseline and row.status == "ok"), None)

    @cached_property
    def results(self) -> tuple[Row, ...]:
        """The quantized rows that have a result, best first."""
        return tuple(
            row
            for row in self.rows
            if not row.is_baseline and row.status == "ok" and row.get(self.lead.key) is not None
        )

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that some row fills, the lead first."""
        filled = {key for row in self.rows for key, value in row.values.items() if value is not None}
        first = [self.lead] if self.lead.key in filled else []
        others = [column for column in (*METRICS, *COST) if column.key in filled - {self.lead.key}]
        fitted = [column.fitted(row.values for row in self.rows) for column in others]
        if self.lead.key == "fid":
            fitted = [replace(one, extra=one.extra or one.key in WAITING) for one in fitted]
        return (*first, *fitted)

    @property
    def ending(self) -> Column | None:
        """The last of the columns that are always shown, at which the table ends before "all columns"."""
        return next((column for column in reversed(self.columns) if not column.extra), None)

    @property
    def extras(self) -> int:
        """How many columns wait behind "all columns"."""
        return sum(column.extra for column in self.columns)

    def has_worst(self, column: Column) -> bool:
        """Whether a column for the worst image goes beside this one."""
        return column.key == "psnr" and any(row.get("psnr_worst") is not None for row in self.rows)

    @property
    def yardstick(self) -> Column:
        """What rows are told apart by: the paired difference to FP32 where there is one."""
        paired = BY_KEY["fid_delta"]
        if self.lead.key == "fid" and any(row.get(paired.key) is not None for row in self.results):
            return paired
        return self.lead

    @cached_property
    def no_rank(self) -> str:
        """Why the order of this board is no ranking; empty if nothing speaks against it."""
        notes = [row.note(key) for row in self.rows for key in (self.lead.key, self.yardstick.key)]
        return next((note for note in notes if NO_RANK in note), "")

    @property
    def first_word(self) -> str:
        """What the first row of a bit-width may be called: the best, or only the one in front."""
        if not self.no_rank:
            return "First at" if self.suite in names.BESIDE else "Best"
        return f"{'Lowest' if self.lead.better == 'less' else 'Highest'} {self.lead.title} at"

    @property
    def checked(self) -> bool:
        """Whether somebody ran any of its rows again; then the others are marked."""
        return any(run.rerun for row in self.rows for run in row.runs)

    @property
    def verdicts(self) -> bool:
        """Whether any row has a verdict."""
        return any(row.judged for row in self.rows)

    def best(self) -> dict[str, Row]:
        """Bit-width -> its best row, from the widest to the narrowest."""
        found: dict[str, Row] = {}
        for row in self.results:
            found.setdefault(row.bits, row)
        return {bits: found[bits] for bits in sorted(found, key=bits_order)}

    def surely_better(self, one: Row, other: Row) -> bool:
        """Whether the intervals of two rows keep apart, the first row on the better side.

        Then the interval of their difference would not hold 0 either, whatever their correlation:
        the standard error of a difference is at most the sum of both.
        """
        first, second = one.span(self.yardstick.key), other.span(self.yardstick.key)
        if first is None or second is None:
            return False
        return first[1] < second[0] if self.yardstick.better == "less" else first[0] > second[1]

    def tied(self, row: Row, among: Sequence[Row]) -> tuple[Row, ...]:
        """The rows that nothing sets apart from this one: their intervals overlap, or they have none."""
        return tuple(
            other
            for other in among
            if other is not row and not self.surely_better(row, other) and not self.surely_better(other, row)
        )

    def tie(self, row: Row, among: Sequence[Row] | None = None) -> str:
        """What a row shares its place with among others, by default those of its bits; empty if nothing."""
        rivals = [one for one in self.results if one.bits == row.bits] if among is None else among
        ties = len(self.tied(row, rivals))
        if not ties:
            return ""
        if row.span(self.yardstick.key) is None:
            return "without intervals it is not set apart from the others"
        return f"a tie with {fmt.plural(ties, 'other row')}, whose intervals overlap"

    @cached_property
    def ranks(self) -> dict[str, tuple[int, int]]:
        """Row -> the first and the last place that its interval allows; empty where no rank is due."""
        rows = [row for row in self.results if row.span(self.yardstick.key) is not None]
        if self.no_rank or len(rows) < 2:
            return {}
        return {
            row.id: (
                1 + sum(self.surely_better(other, row) for other in rows),
                len(rows) - sum(self.surely_better(row, other) for other in rows),
            )
            for row in rows
        }

    def without_result(self) -> tuple[Row, ...]:
        """Rows that failed or were skipped."""
        return tuple(row for row in self.rows if row.status != "ok")


def bits_order(bits: str) -> tuple[int, int]:
    """Sort key from wide to narrow: weights first, then activations."""
    if bits == "FP32":
        return -32, -32
    weights, activations = bits[1:].split("A")
    return -int(weights), -int(activations)
