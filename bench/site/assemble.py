"""Runs to boards: rows over seeds, metrics of mixed identity left out, verdicts, order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from ganqbench.records.bounds import BOUNDS
from ganqbench.site import names, suites, tables
from ganqbench.site.board import Board
from ganqbench.site.columns import BY_KEY, Values
from ganqbench.site.identity import mixed
from ganqbench.site.judge import judged
from ganqbench.site.load import Run, load
from ganqbench.site.row import Row

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
"""What a folder of records is on the command line."""


def boards(runs: Sequence[Run]) -> tuple[Board, ...]:
    """Every board that the records make, GANs by name and the larger suites first."""
    if not runs:
        return ()
    table = tables.rows_table(tables.runs_table(runs))
    by_row: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        by_row.setdefault(_key(run), []).append(run)
    made = [
        _board(str(suite), int(str(version)), str(gan), part, by_row)
        for (suite, version, gan), part in table.groupby(["suite", "suite_version", "gan"], sort=True)
    ]
    return tuple(sorted(made, key=lambda board: (board.gan, names.suite_rank(board.suite), -board.version)))


def published(results: Path) -> tuple[Board, ...]:
    """The boards of a folder of records for a page that is committed; ClickException where there is none."""
    found = boards(load(results).runs)
    if not found:
        raise click.ClickException(f"{results} holds no valid record. Give the folder `results`.")
    return found


def _board(
    suite: str, version: int, gan: str, part: pd.DataFrame, by_row: Mapping[tuple[object, ...], list[Run]]
) -> Board:
    lines = part.to_dict("records")
    runs = [run for line in lines for run in by_row[tuple(line[key] for key in tables.KEYS)]]
    dropped = mixed([run for run in runs if run.record.status == "ok"])
    kept = part.copy()
    kept[[column for one in dropped for column in one.columns]] = float("nan")
    lead, ascending = tables.lead_metric(kept)
    rows = _rows(tables.ordered(kept, lead, ascending), by_row, suites.images(suite, gan, runs))
    column = BY_KEY[lead].fitted(row.values for row in rows)
    return Board(suite, version, gan, column, rows, dropped)


def _key(run: Run) -> tuple[object, ...]:
    cell = run.cell.model_dump(mode="json")
    return tuple(cell[key] or "" if key == "recipe" else cell[key] for key in tables.KEYS)


def _rows(
    table: pd.DataFrame, by_row: Mapping[tuple[object, ...], list[Run]], suite_n: int | None
) -> tuple[Row, ...]:
    numeric = [
        str(name) for name in table.columns if table[name].dtype.kind in "fi" and name not in tables.KEYS
    ]
    lines = table.to_dict("records")
    base = next((line for line in lines if line["adapter"] == "fp32" and line["status"] == "ok"), None)
    fp32 = _values(base, numeric) if base else None
    rows = []
    for line in lines:
        runs = by_row[tuple(line[key] for key in tables.KEYS)]
        values = _values(line, numeric)
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
                values=values,
                texts={
                    name: line[name]
                    for metric in BOUNDS
                    for name in (f"{metric}_identity", f"{metric}_note")
                    if line[name]
                },
                judged=judged(
                    values, line["fid_delta_identity"], fp32, base["fid_identity"] if base else "", suite_n
                ),
                runs=_by_seed(runs),
            )
        )
    return tuple(rows)


def _values(line: Mapping[Any, Any], numeric: Iterable[str]) -> Values:
    return {name: None if pd.isna(line[name]) else float(line[name]) for name in numeric}


def _by_seed(runs: Iterable[Run]) -> tuple[Run, ...]:
    order = {status: place for place, status in enumerate(tables.STATUSES)}
    return tuple(sorted(runs, key=lambda run: (order[run.record.status], run.cell.seed)))
