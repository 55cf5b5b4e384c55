"""`ganqbench verify`: does a record's cell give the same numbers here?"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganqbench.cli.own_checkpoint import own_checkpoint
from ganqbench.cli.record_paths import check_path

if TYPE_CHECKING:
    from ganqbench.harness.gans import Gans
    from ganqbench.records.schema import Record

UNCHECKED = 3
"""Exit status when nothing differs but a record could not be checked, or none was."""


def _author(ctx: click.Context, option: click.Parameter, who: str | None) -> str | None:
    """A name that a note can hold; UserError for another, before anything is measured for it."""
    from ganqbench.errors import UserError
    from ganqbench.records.part import NAME_LENGTH

    if who is not None and not (who.strip() and who.isprintable() and len(who) <= NAME_LENGTH):
        raise UserError(
            f"A note can't say that {who[:40]!r} ran a cell again.",
            f"Give --who a name of 1 to {NAME_LENGTH} characters in one line.",
        )
    return who


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--sample", type=click.IntRange(1), help="Only so many of the records, drawn at random.")
@click.option("--draw", type=int, help="Seed of the draw, as an earlier call printed it.")
@click.option(
    "--inputs",
    type=click.IntRange(1),
    help="Evaluate only the first so many inputs: cheap, but distances stay unchecked.",
)
@click.option("--jobs", type=click.IntRange(1), help="Cells at a time; by default one per core.")
@click.option(
    "--who", callback=_author, help="Leave a note beside each record that agrees: re-run, by whom and where."
)
@own_checkpoint
@click.pass_context
def verify(
    ctx: click.Context,
    gans: Gans,
    paths: tuple[Path, ...],
    sample: int | None,
    draw: int | None,
    inputs: int | None,
    jobs: int | None,
    who: str | None,
) -> None:
    """Run the cells of records again and compare each number within its recorded tolerance.

    PATHS are record files or folders. Of folders, and with --sample of files too, records of earlier suite
    versions are left out. Exit status 0: all agree. 1: one differs or is no valid record. 3: none differs,
    but one could not be run here, or all are left out. With --inputs each cell is quantized and audited as
    ever, and compared in audit, pictures and pixels; a whole re-run alone checks the distances.
    """
    from ganqbench.errors import UserError
    from ganqbench.harness.verify import verify as run_again
    from ganqbench.records.rerun import label, make_rerun, write_rerun
    from ganqbench.records.text import printable

    if inputs is not None and who is not None:
        raise UserError("A note says that the whole cell was run again.", "Drop --who or --inputs.")
    if draw is not None and sample is None:
        raise UserError("--draw is the seed of a sample.", "Give --sample N with it, or drop it.")
    records, faults = _records(paths, drawn=sample is not None)
    for fault in faults:
        click.echo(printable(fault), err=True)
    if sample is not None and sample < len(records):
        draw = random.SystemRandom().randrange(2**32) if draw is None else draw
        click.echo(f"{sample} of {len(records)} records, drawn with --draw {draw}")
        records = random.Random(draw).sample(records, sample)
    differ = unchecked = 0
    with tempfile.TemporaryDirectory(prefix="ganqbench-verify-") as work:
        for verdict in run_again(records, Path(work), jobs or os.cpu_count() or 1, gans, inputs=inputs):
            if verdict.agrees and verdict.again is not None and who is not None:
                write_rerun(make_rerun(verdict.record, verdict.again, who), verdict.path)
            kind = label(verdict.path, verdict.record)
            click.echo(printable(f"{verdict.path} ({kind}): {verdict}"))
            differ += bool(verdict.differences)
            unchecked += verdict.again is None
    agree = len(records) - differ - unchecked
    wrong = f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}"
    click.echo(f"{agree} agree, {differ} differ, {unchecked} not checked, {wrong}.")
    if differ or faults:
        ctx.exit(1)
    if unchecked or not records:
        ctx.exit(UNCHECKED)


def _records(paths: tuple[Path, ...], *, drawn: bool) -> tuple[list[tuple[Path, Record]], list[str]]:
    """The valid records in files and folders, each once, and what is wrong with the others.

    One of an earlier suite version, whose protocol is no longer at hand, is only taken where its file was
    given and none is `drawn`.
    """
    from ganqbench.records.validate import validate
    from ganqbench.suite import load_suite, suite_names

    found: dict[Path, tuple[Path, Record]] = {}
    faults: list[str] = []
    versions = {suite.name: suite.version for suite in map(load_suite, suite_names())}
    superseded = 0
    for path in paths:
        check_path(path, "Give record files or folders of records.")
        report = validate(path)
        faults += map(str, report.faults)
        for file, record in report.records:
            cell = record.cell
            if (drawn or path.is_dir()) and versions.get(cell.suite, cell.suite_version) > cell.suite_version:
                superseded += 1
            else:
                found[file.resolve()] = (file, record)
    if superseded:
        click.echo(f"{superseded} records of earlier suite versions are left out.")
    return list(found.values()), faults
