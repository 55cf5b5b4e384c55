"""`ganqbench validate`: is every record what it claims to be?"""

from __future__ import annotations

from pathlib import Path

import click

from ganqbench.cli.record_paths import check_path


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.pass_context
def validate(ctx: click.Context, paths: tuple[Path, ...]) -> None:
    """Check records: schema, hash, place, image, bounds and audit; explain every fault.

    PATHS are files or folders, by default results/. Exit status 1 on any fault, and where no record is.
    """
    from ganqbench.records.text import printable
    from ganqbench.records.validate import validate as check

    faults = records = 0
    for path in paths or (Path("results"),):
        check_path(path, "Give a record file or a folder of records.")
        report = check(path)
        records += len(report.records)
        for fault in report.faults:
            click.echo(printable(str(fault)), err=True)
        faults += len(report.faults)
    click.echo(f"{records} valid records, {faults} {'fault' if faults == 1 else 'faults'}.")
    if faults:
        ctx.exit(1)
