"""Records as pandas tables: one line per run, and one per row of the board, seeds taken together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from ganqbench.records.bounds import BOUNDS, WORST_IS_GREATEST
from ganqbench.site.load import Run

KEYS = ["suite", "suite_version", "gan", "adapter", "method", "recipe", "bits"]
"""What makes a row of the board."""
STATUSES = ("ok", "failed", "skipped")
MEASURED = ["coverage_of_macs", "macs", "bops", "bytes", "calibration_s", "peak_memory"]


def runs_table(runs: Iterable[Run]) -> pd.DataFrame:
    """One line per run with every number the board shows; missing ones are NaN."""
    columns = [*KEYS, "seed", "status", "reason", "images", *_metric_columns(), *MEASURED, "finished", "hash"]
    # A column that no run fills would be of type object, and have no mean.
    numbers = dict.fromkeys([*_metric_columns(), *MEASURED, "images"], "float64")
    return pd.DataFrame([_line(run) for run in runs], columns=columns).astype(numbers)


def rows_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One line per row of the board.

    A value is the mean over the seeds, its interval reaches from the least lower to the greatest
    upper limit of any seed, and `worst` is the worst image of all. Seeds that gave no result are
    counted, not averaged: a row is as good as its best status.
    """
    rank = runs["status"].map({status: place for place, status in enumerate(STATUSES)}).astype("int64")
    ranked = runs.assign(rank=rank)
    groups = ranked.groupby(KEYS, sort=True)
    used: pd.DataFrame = ranked[ranked["rank"] == groups["rank"].transform("min")]
    rows: pd.DataFrame = used.groupby(KEYS, sort=True).agg(**_aggregates())
    counts = {status: (runs["status"] == status) for status in STATUSES}
    for status, matches in counts.items():
        rows[f"seeds_{status}"] = matches.groupby([runs[key] for key in KEYS], sort=True).sum()
    return rows.reset_index()


def ordered(rows: pd.DataFrame, lead: str, ascending: bool) -> pd.DataFrame:
    """Rows in the board's order: FP32, then results by `lead`, then what gave no result."""
    place = rows["status"].map({status: place for place, status in enumerate(STATUSES)})
    place = place.where(rows["adapter"] != "fp32", -1)
    by = rows[lead] if ascending else -rows[lead]
    keyed = rows.assign(_place=place, _by=by)
    # Name and bits settle ties, so that equal numbers always stand in the same order.
    return keyed.sort_values(["_place", "_by", *KEYS], na_position="last").drop(columns=["_place", "_by"])


def lead_metric(rows: pd.DataFrame) -> tuple[str, bool]:
    """The metric a board is sorted by and whether less is better: FID, or PSNR where there is none."""
    return ("fid", True) if rows["fid"].notna().any() else ("psnr", False)


def _metric_columns() -> list[str]:
    return [f"{name}{part}" for name in BOUNDS for part in ("", "_low", "_high", "_worst")]


def _line(run: Run) -> dict[str, Any]:
    record, cell = run.record, run.cell
    line: dict[str, Any] = {
        **cell.model_dump(mode="json"),
        "recipe": cell.recipe or "",
        "status": record.status,
        "reason": record.reason or "",
        "images": max((metric.n for metric in record.metrics.values()), default=None),
        "peak_memory": record.cost.peak_memory,
        "finished": record.provenance.finished,
        "hash": record.hash,
    }
    for name, metric in record.metrics.items():
        line |= {
            name: metric.value,
            f"{name}_low": metric.low,
            f"{name}_high": metric.high,
            f"{name}_worst": metric.worst,
        }
    if record.audit is not None:
        line |= {
            # FP32 claims no width, so there is no share of it.
            "coverage_of_macs": None if cell.is_baseline else record.audit.coverage,
            "macs": record.audit.macs,
            "bops": record.audit.bops,
            "bytes": record.audit.bytes,
        }
    if "quantize" in record.cost.phases and not cell.is_baseline:
        # CPU time: what else the machine was doing does not enter it.
        line["calibration_s"] = record.cost.phases["quantize"].cpu_s
    return line


def _aggregates() -> dict[str, Any]:
    """Output column -> (input column, how the seeds are taken together)."""
    aggregates: dict[str, Any] = {"status": ("status", "first"), "reason": ("reason", "first")}
    aggregates["images"] = ("images", "max")
    for name in BOUNDS:
        aggregates |= {
            name: (name, "mean"),
            f"{name}_low": (f"{name}_low", "min"),
            f"{name}_high": (f"{name}_high", "max"),
            f"{name}_worst": (f"{name}_worst", "max" if name in WORST_IS_GREATEST else "min"),
        }
    aggregates |= {name: (name, "mean") for name in MEASURED}
    aggregates["coverage_of_macs"] = ("coverage_of_macs", "min")
    aggregates["finished"] = ("finished", "max")
    return aggregates
