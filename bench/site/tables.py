"""Records as pandas tables: one line per run, and one per row of the board, seeds taken together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from ganqbench.records.bounds import BOUNDS, WORST_IS_GREATEST
from ganqbench.records.deploy_schema import Spread
from ganqbench.site.energy import energy
from ganqbench.site.errata import has_wrong_memory, has_wrong_size
from ganqbench.site.load import Run
from ganqbench.site.timings import fastest

KEYS = ["suite", "suite_version", "gan", "adapter", "method", "recipe", "bits"]
"""What makes a row of the board."""
STATUSES = ("ok", "failed", "skipped")
PARTS = ("", "_low", "_high", "_worst", "_n")
"""Suffixes of a metric's numbers."""
BOUNDING = ("_low", "_high", "_worst")
"""Those that bound every seed's, so that one seed without leaves none."""
TEXTS = ("identity", "note")
TIMED = ["latency_s", "speedup", "integer_share", "cpu_s", "throughput", "memory", "weight_bits", "busy"]
MEASURED = [
    "coverage_of_macs",
    "coverage_undeclared",
    "declared_layers",
    "macs",
    "bops",
    "bytes",
    "energy",
    "calibration_s",
    *TIMED,
    "peak_memory",
]


def runs_table(runs: Iterable[Run]) -> pd.DataFrame:
    """One line per run with every number the board shows; missing ones are NaN."""
    head = [*KEYS, "seed", "status", "reason", "images"]
    columns = [*head, *_metric_columns(), *_text_columns(), *MEASURED, "finished", "hash"]
    # A column that no run fills would be of type object, and have no mean.
    types = dict.fromkeys([*_metric_columns(), *MEASURED, "images"], "float64")
    return pd.DataFrame([_line(run) for run in runs], columns=columns).astype(types).copy()


def rows_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One line per row of the board.

    A value is the mean over the seeds, its interval reaches from the least lower to the greatest
    upper limit of any seed, and `worst` is the worst image of all; where one seed that is averaged has no
    interval or worst image, the row has none. Seeds that gave no result are
    counted, not averaged: a row is as good as its best status. Seeds whose metric differs in
    identity or number of images have no mean of it.
    """
    rank = runs["status"].map({status: place for place, status in enumerate(STATUSES)}).astype("int64")
    ranked = runs.assign(rank=rank)
    groups = ranked.groupby(KEYS, sort=True)
    used: pd.DataFrame = ranked[ranked["rank"] == groups["rank"].transform("min")]
    rows: pd.DataFrame = used.groupby(KEYS, sort=True).agg(**_aggregates())
    statuses = pd.DataFrame({f"seeds_{status}": runs["status"] == status for status in STATUSES})
    counts = statuses.groupby([runs[key] for key in KEYS], sort=True).sum()
    kinds = used.groupby(KEYS, sort=True)[
        [f"{name}{part}" for name in BOUNDS for part in ("_identity", "_n")]
    ]
    several = kinds.nunique() > 1
    given = used.groupby(KEYS, sort=True)[_metric_columns()].count()
    rows = pd.concat([rows, counts], axis=1).copy().reset_index()
    for name in BOUNDS:
        for part in BOUNDING:
            rows.loc[(given[f"{name}{part}"] < given[name]).to_numpy(), f"{name}{part}"] = float("nan")
        mixed = several[[f"{name}_identity", f"{name}_n"]].any(axis=1).to_numpy()
        if mixed.any():
            rows.loc[mixed, [f"{name}{part}" for part in PARTS]] = float("nan")
    return rows


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
    return [f"{name}{part}" for name in BOUNDS for part in PARTS]


def _text_columns() -> list[str]:
    return [f"{name}_{part}" for name in BOUNDS for part in TEXTS]


def _line(run: Run) -> dict[str, Any]:
    record, cell = run.record, run.cell
    line: dict[str, Any] = {
        **dict.fromkeys(_text_columns(), ""),
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
            f"{name}_n": metric.n,
            f"{name}_identity": metric.identity or "",
            f"{name}_note": metric.note or "",
        }
    if record.audit is not None:
        line |= {
            # FP32 claims no width, so there is no share of it.
            "coverage_of_macs": None if cell.is_baseline else record.audit.coverage,
            "coverage_undeclared": None if cell.is_baseline else record.audit.coverage_undeclared,
            "declared_layers": sum(op.declared for op in record.audit.ops),
            "macs": record.audit.macs,
            "bops": record.audit.bops,
            "bytes": None if has_wrong_size(record) else record.audit.bytes,
            "energy": energy(record.audit),
        }
    if "quantize" in record.cost.phases and not cell.is_baseline:
        # CPU time: what else the machine was doing does not enter it.
        spent = (record.cost.phases.get(phase) for phase in ("quantize", "fine-tune"))
        line["calibration_s"] = sum(phase.cpu_s for phase in spent if phase is not None)
    graph = fastest(record)
    if graph is not None and record.deploy is not None:
        line |= {
            "latency_s": _median(graph.latency_ms, 1e-3),
            "speedup": _median(graph.ratio),
            "integer_share": graph.integer_share,
            "cpu_s": _median(graph.cpu_ms, 1e-3),
            "throughput": _median(graph.throughput.items_per_s if graph.throughput else None),
            "memory": None if has_wrong_memory(record) else graph.memory,
            "weight_bits": graph.weight_bits,
            "busy": record.deploy.busy,
        }
    return line


def _median(spread: Spread | None, unit: float = 1.0) -> float | None:
    return None if spread is None else unit * spread.median


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
            f"{name}_n": (f"{name}_n", "max"),
            f"{name}_identity": (f"{name}_identity", "first"),
            f"{name}_note": (f"{name}_note", "first"),
        }
    aggregates |= {name: (name, "mean") for name in MEASURED}
    aggregates |= {name: (name, "min") for name in ("coverage_of_macs", "coverage_undeclared")}
    aggregates["finished"] = ("finished", "max")
    return aggregates
