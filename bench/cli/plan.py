"""`ganqbench plan`: what a suite costs before it is run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click


@click.command()
@click.option(
    "--suite",
    "suite_name",
    default="mini",
    show_default=True,
    help="Suite of `ganqbench list suites`, or a file ending in .toml.",
)
@click.option("--workers", type=click.IntRange(1, 4096), help="Cells at a time; by default one per core.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of the records: what is current, and what cells cost.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def plan(suite_name: str, workers: int | None, results: Path, as_json: bool) -> None:
    """Estimate time, memory, disk and CPU-hours of a suite from cells that were measured.

    The records of all suites in the results folder count, scaled by the work that each phase does.
    """
    from ganqbench.harness.calibration_room import too_many_seeds
    from ganqbench.harness.cost import CostModel
    from ganqbench.harness.forecast import forecast, runs_somewhere
    from ganqbench.harness.plan import make_plan
    from ganqbench.suite import load_suite

    suite, workers = load_suite(suite_name), workers or os.cpu_count() or 1
    made = make_plan(suite, suite.cells(), results)
    model = CostModel.of(results)
    left = forecast(made.todo, model, workers)
    whole = forecast(made.whole, model, workers, runs_somewhere)
    short = list(too_many_seeds(made.whole))
    if as_json:
        click.echo(
            json.dumps(
                {"whole": whole.document(), "left": left.document(), "warnings": short},
                indent=2,
                allow_nan=False,
            )
        )
        return
    click.echo(f"{suite.name}-v{suite.version}: {whole.cells} cells, {len(made.done)} current.")
    click.echo(f"whole suite  {whole}")
    click.echo(f"left to run  {left}")
    click.echo("Cells run on the processor: 0 GPU-hours.")
    for basis, count in whole.bases.items():
        click.echo(f"  {count:>5} cells from measured ones of {basis}")
    if whole.skipped:
        click.echo(f"  {whole.skipped:>5} cells that their backend declines")
    absent = sum(item.skip is not None and item.declined is None for item in made.todo)
    if absent:
        click.echo(f"  {absent:>5} cells that lack a file or toolkit here; `ganqbench doctor` says which")
    for sentence in short:
        click.echo(f"Warning: {sentence}", err=True)
