"""A board: the rows of one GAN in one suite, in order, with the runs behind each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from ganqbench.site import names, tables
from ganqbench.site.columns import BY_KEY, COST, METRICS, Column, Values
from ganqbench.site.load import Run


@dataclass(frozen=True)
class Row:
    """Adapter x method x recipe x bits over its seeds."""

    adapter: str
    method: str
    recipe: str | None
    bits: str
    status: str
    reason: str
    seeds: int
    seeds_ok: int
    values: Values
    runs: tuple[Run, ...]
    """By seed; those with a result first."""

    @property
    def id(self) -> str:
        """The row's anchor on its page."""
        recipe = f"+{self.recipe}" if self.recipe else ""
        return f"{self.adapter}.{self.method}{recipe}.{self.bits}"

    @property
    def is_baseline(self) -> bool:
        """Whether this is FP32."""
        return self.adapter == "fp32"

    @property
    def backend(self) -> names.Backend:
        """Label and mark of the adapter."""
        return names.backend(self.adapter)

    @property
    def title(self) -> str:
        """What the method is called."""
        if self.is_baseline:
            return "FP32 baseline"
        return names.method_title(self.adapter, self.method, self.recipe)

    @property
    def reference(self) -> str | None:
        """Where the method comes from, in a line."""
        return names.method_reference(self.adapter, self.method)

    @property
    def kind(self) -> str:
        """PTQ, Reconstruction, QAT or nothing."""
        return names.method_kind(self.adapter, self.method, self.recipe)

    @property
    def name(self) -> str:
        """The row in words."""
        return self.title if self.is_baseline else f"{self.title}, {self.backend.label}"

    def get(self, key: str) -> float | None:
        """The row's value of a column of the rows table."""
        return self.values.get(key)


@dataclass(frozen=True)
class Board:
    """One GAN in one suite version."""

    suite: str
    version: int
    gan: str
    lead: Column
    """What it is sorted by."""
    rows: tuple[Row, ...]

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

    @property
    def baseline(self) -> Row | None:
        """FP32's row, if it gave a result."""
        return next((row for row in self.rows if row.is_baseline and row.status == "ok"), None)

    @property
    def results(self) -> tuple[Row, ...]:
        """The quantized rows that have a result, best first."""
        return tuple(
            row
            for row in self.rows
            if not row.is_baseline and row.status == "ok" and row.get(self.lead.key) is not None
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that some row fills, the lead first."""
        filled = {key for row in self.rows for key, value in row.values.items() if value is not None}
        present = [column for column in (*METRICS, *COST) if column.key in filled]
        if self.lead not in present:
            return tuple(present)
        return (self.lead, *(column for column in present if column != self.lead))

    @property
    def has_worst(self) -> bool:
        """Whether the lead metric has a worst image, and so a column for it."""
        return any(row.get(f"{self.lead.key}_worst") is not None for row in self.rows)

    def best(self) -> dict[str, Row]:
        """Bit-width -> its best row, from the widest to the narrowest."""
        found: dict[str, Row] = {}
        for row in self.results:
            found.setdefault(row.bits, row)
        return {bits: found[bits] for bits in sorted(found, key=bits_order)}

    def without_result(self) -> tuple[Row, ...]:
        """Rows that failed or were skipped."""
        return tuple(row for row in self.rows if row.status != "ok")


def boards(runs: Sequence[Run]) -> tuple[Board, ...]:
    """Every board that the records make, GANs by name and the larger suites first."""
    if not runs:
        return ()
    table = tables.rows_table(tables.runs_table(runs))
    by_row: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        by_row.setdefault(_key(run), []).append(run)
    made = []
    for (suite, version, gan), part in table.groupby(["suite", "suite_version", "gan"], sort=True):
        lead, ascending = tables.lead_metric(part)
        rows = _rows(tables.ordered(part, lead, ascending), by_row)
        made.append(Board(str(suite), int(str(version)), str(gan), BY_KEY[lead], rows))
    return tuple(sorted(made, key=lambda board: (board.gan, names.suite_rank(board.suite), -board.version)))


def bits_order(bits: str) -> tuple[int, int]:
    """Sort key from wide to narrow: weights first, then activations."""
    if bits == "FP32":
        return -32, -32
    weights, activations = bits[1:].split("A")
    return -int(weights), -int(activations)


def _key(run: Run) -> tuple[object, ...]:
    cell = run.cell.model_dump(mode="json")
    return tuple(cell[key] or "" if key == "recipe" else cell[key] for key in tables.KEYS)


def _rows(table: pd.DataFrame, by_row: dict[tuple[object, ...], list[Run]]) -> tuple[Row, ...]:
    numeric = [name for name in table.columns if table[name].dtype.kind in "fi" and name not in tables.KEYS]
    rows = []
    for line in table.to_dict("records"):
        runs = by_row[tuple(line[key] for key in tables.KEYS)]
        rows.append(
            Row(
                adapter=line["adapter"],
                method=line["method"],
                recipe=line["recipe"] or None,
                bits=line["bits"],
                status=line["status"],
                reason=line["reason"],
                seeds=len(runs),
                seeds_ok=int(line["seeds_ok"]),
                values={str(name): _value(line[name]) for name in numeric},
                runs=_by_seed(runs),
            )
        )
    return tuple(rows)


def _by_seed(runs: Iterable[Run]) -> tuple[Run, ...]:
    order = {status: place for place, status in enumerate(tables.STATUSES)}
    return tuple(sorted(runs, key=lambda run: (order[run.record.status], run.cell.seed)))


def _value(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
