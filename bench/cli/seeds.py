"""`ganqbench seeds`: a row's distance to FP32 over its seeds, with both sources of uncertainty apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganqbench.harness.seed_rows import SeedRow


@click.command()
@click.argument("results", type=click.Path(path_type=Path), default=Path("results"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def seeds(results: Path, as_json: bool) -> None:
    """Combine the seeds of every row that has several.

    The mean over seeds of the paired delta to FP32, its standard error over inputs (influence values
    averaged over the seeds first), the standard deviation between seeds, and a 95 % interval of both.
    Influence values lie where a cell ran; without them the standard error is the most it can be.
    """
    from ganqbench.cli.record_paths import check_path
    from ganqbench.harness.influence import FOLDER
    from ganqbench.harness.seed_rows import seed_rows
    from ganqbench.home import home
    from ganqbench.records.text import printable
    from ganqbench.records.validate import validate

    check_path(results, "Give a folder of records.")
    report = validate(results)
    for fault in report.faults:
        click.echo(printable(f"left out: {fault}"), err=True)
    rows = seed_rows([record for _, record in report.records], home() / FOLDER)
    if as_json:
        click.echo(json.dumps([row.document() for row in rows], indent=2))
        return
    for row in rows:
        click.echo(_line(row))
    if not rows:
        click.echo("No row has a delta to FP32 under two or more seeds.")


def _line(row: SeedRow) -> str:
    found = row.summary
    bound = "" if found.exact else "at most "
    error = "unknown" if found.sampling_se is None else f"{bound}{found.sampling_se:.3g}"
    interval = "" if found.low is None else f", 95 % interval {found.low:+.4g} to {found.high:+.4g}"
    return (
        f"{row.name}: {found.mean:+.4g} over {found.seeds} seeds on {found.n} inputs, "
        f"SE over inputs {error}, SD between seeds {found.calibration_sd:.3g}{interval}"
    )
