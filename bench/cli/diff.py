"""`ganqbench diff`: what a code change did to the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganqbench.cli.record_paths import check_path

if TYPE_CHECKING:
    from ganqbench.records.diff import Diff


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def diff(ctx: click.Context, old: Path, new: Path, as_json: bool) -> None:
    """Compare two results folders, or two records, beyond the tolerance that they state.

    Exit status 0: no difference. 1: some, or a file that is no valid record, or no record on one side.
    """
    from ganqbench.errors import UserError
    from ganqbench.records.diff import diff as compare

    for path in (old, new):
        check_path(path, "Give two folders of records, or two record files.")
    if old.is_file() != new.is_file():
        raise UserError(f"{old} and {new} are a file and a folder.", "Give two of one kind.")
    found = compare(old, new)
    if as_json:
        click.echo(json.dumps(found.document(), indent=2, ensure_ascii=False))
    else:
        _show(found)
    if found or found.faults:
        ctx.exit(1)


def _show(found: Diff) -> None:
    from ganqbench.records.compare import shown
    from ganqbench.records.text import printable

    for change in found.changed:
        click.echo(f"{change.cell}")
        for each in change.differences:
            step = "" if each.change is None else f"{each.change:+.4g}"
            bound = "" if each.allowed is None else f"(allowed {each.allowed:.3g})"
            line = f"  {each.what:<22} {shown(each.old):>14} -> {shown(each.new):<14} {step:>11} {bound}"
            click.echo(printable(line).rstrip())
    for word, records in (("appeared", found.appeared), ("vanished", found.vanished)):
        for record in records:
            click.echo(f"{word}: {record.cell} ({record.status})")
    for fault in found.faults:
        click.echo(printable(f"not compared: {fault}"), err=True)
    click.echo(
        f"{len(found.changed)} cells changed, {len(found.appeared)} appeared, "
        f"{len(found.vanished)} vanished, {found.same} the same within tolerance."
    )
