"""`ganqbench run`: run a suite, or the part of it that the filters leave."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganqbench.harness.executor import Executor


@click.command()
@click.option(
    "--suite",
    "suite_name",
    default="mini",
    show_default=True,
    help="Suite of `ganqbench list suites`, or a file ending in .toml.",
)
@click.option("--gan", "gans", multiple=True, help="Only this GAN; may be given again.")
@click.option("--adapter", "adapters", multiple=True, help="Only this adapter; may be given again.")
@click.option("--method", "methods", multiple=True, help="Only this method; may be given again.")
@click.option("--recipe", "recipes", multiple=True, help="Only this recipe, or `none`; may be given again.")
@click.option("--bits", "bits", multiple=True, help="Only these bit-widths, as in W4A8; may be given again.")
@click.option("--seed", "seeds", multiple=True, type=int, help="Only this seed; may be given again.")
@click.option("--jobs", type=click.IntRange(1), help="Cells at a time; by default one per core.")
@click.option(
    "--executor",
    "executor_name",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="Who runs the cells: this machine, or Dask workers.",
)
@click.option("--scheduler", help="Address of a Dask scheduler; by default a cluster is started here.")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    metavar="NAME=AMOUNT",
    help="What a Dask worker must offer for a cell, as in GPU=1; may be given again.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Dask tasks that share the evaluation of one cell; the numbers are the same.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 20),
    default=1,
    show_default=True,
    help="How often a cell is tried again whose process died.",
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of the records.",
)
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run the suite's methods on the generator in this file instead.",
)
@click.option("--arch", help="Architecture that the checkpoint has to be of.")
@click.option("--offline", is_flag=True, help="Never download: a GAN whose weights are not here is an error.")
@click.option("--here", is_flag=True, help="Run again what another machine recorded.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.pass_context
def run(
    ctx: click.Context,
    suite_name: str,
    gans: tuple[str, ...],
    adapters: tuple[str, ...],
    methods: tuple[str, ...],
    recipes: tuple[str, ...],
    bits: tuple[str, ...],
    seeds: tuple[int, ...],
    jobs: int | None,
    executor_name: str,
    scheduler: str | None,
    resources: tuple[str, ...],
    shards: int,
    retries: int,
    results: Path,
    checkpoint: Path | None,
    arch: str | None,
    offline: bool,
    here: bool,
    dry_run: bool,
) -> None:
    """Run a suite; cells whose records are current are not run again.

    Exit status 0: every cell is ok, skipped, or can't run here and has a record. 1: a cell failed, here or
    meanwhile in another run, an adapter is broken and its cells were left out, or the command is wrong.
    128 + n: it was stopped by signal n; the same command goes on from there.
    """
    from ganqbench.errors import UserError
    from ganqbench.harness.calibration_room import too_many_seeds
    from ganqbench.harness.filters import Filters
    from ganqbench.harness.gans import Gans
    from ganqbench.harness.ledger import Ledger
    from ganqbench.harness.own_suite import named_suite
    from ganqbench.harness.plan import make_plan
    from ganqbench.harness.record_suite import check_protocol, kept_suite
    from ganqbench.harness.skips import unjudged
    from ganqbench.harness.usable import Usable
    from ganqbench.home import home
    from ganqbench.records.text import printable
    from ganqbench.suite import OWN, suite_names

    jobs = jobs or os.cpu_count() or 1
    executor = _executor(executor_name, jobs, scheduler, resources, shards)
    if arch and not checkpoint:
        raise UserError("--arch says what a checkpoint is.", "Give --checkpoint FILE with it, or drop it.")
    zoo = Gans(checkpoint, arch, suite_name)
    suite = named_suite(OWN if checkpoint else suite_name, zoo)
    inside = re.fullmatch(r"(.+)-v\d+", results.name)
    if inside and inside[1] in (*suite_names(), OWN):
        raise UserError(f"{results} is the folder of one suite.", f"Give the one above it: {results.parent}")
    folder = results / f"{suite.name}-v{suite.version}"
    if checkpoint:
        check_protocol(folder, suite)
    keep = ctx.with_resource(kept_suite(None if checkpoint or dry_run else suite_name, folder))
    cells = Filters(gans, adapters, methods, bits, seeds, recipes).select(suite)
    usable = Usable.of(cells)
    for message in usable.broken:
        click.echo(f"Error: {message}", err=True)
    if not dry_run:
        for found in map(zoo.entry, dict.fromkeys(cell.gan for cell in usable.cells)):
            if unjudged(found, suite.protocol[found.name]) is None:  # else its cells are skipped
                found.prepare(offline=offline)
    plan = make_plan(suite, usable.cells, results, Ledger(home()) if here else None, zoo)
    skipped = sum(item.skip is not None for item in plan.todo)
    click.echo(
        f"{suite.name}-v{suite.version}: {len(plan.todo)} cells to run ({skipped} of them can't run here), "
        f"{len(plan.done)} current. Budget of the whole suite: {suite.cpu_hours:g} CPU-hours."
    )
    for sentence in too_many_seeds(plan.todo, zoo):
        click.echo(f"Warning: {sentence}", err=True)
    if dry_run:
        from ganqbench.harness.cost import CostModel
        from ganqbench.harness.forecast import forecast

        click.echo(f"Estimate: {forecast(plan.todo, CostModel.of(results), jobs)}.")
        for item in plan.todo:
            click.echo(f"  {item.cell}" + (f"  skip: {item.skip.reason}" if item.skip else ""))
        ctx.exit(1 if usable.broken else 0)
    from ganqbench.harness.run import run_plan

    summary = run_plan(plan, results, suite.time_limit_s, executor, retries=retries, begin=keep)
    parts = [f"{count} {status}" for status, count in sorted(summary.statuses.items())]
    parts += [f"{len(summary.not_here)} not run here (records kept)"] if summary.not_here else []
    counts = ", ".join(parts) or "nothing to do"
    elsewhere = f" {summary.elsewhere} cells were finished by another run." if summary.elsewhere else ""
    click.echo(f"{counts}. Records: {folder}{elsewhere}")
    skips = [(item.cell in summary.not_here, item.skip.reason) for item in plan.todo if item.skip is not None]
    for (kept, reason), count in Counter(skips).items():
        click.echo(printable(f"{'not run here' if kept else 'skipped'} {count}: {reason}"))
    for record in summary.failures:
        click.echo(printable(f"failed: {record.cell}: {record.reason}"), err=True)
    if summary.failures or usable.broken:
        ctx.exit(1)


def _executor(
    name: str, jobs: int, scheduler: str | None, resources: tuple[str, ...], shards: int
) -> Executor:
    """Who runs the cells; UserError for options that don't go together."""
    from ganqbench.errors import UserError

    if name == "dask":
        from ganqbench.harness.dask_executor import DaskExecutor

        return DaskExecutor(scheduler, jobs, dict(map(_resource, resources)), shards)
    if scheduler or resources or shards > 1:
        raise UserError(
            "--scheduler, --resource and --shards are for Dask.", "Add --executor dask, or drop them."
        )
    from ganqbench.harness.executor import LocalExecutor

    return LocalExecutor(jobs)


def _resource(text: str) -> tuple[str, float]:
    from ganqbench.errors import UserError

    name, _, amount = text.partition("=")
    try:
        if not name or not 0 < float(amount) < float("inf"):
            raise ValueError
    except ValueError as error:
        raise UserError(f"{text!r} is no resource.", "Write NAME=AMOUNT, for example GPU=1.") from error
    return name, float(amount)
