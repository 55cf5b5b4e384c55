"""`ganqbench site`: build the leaderboard."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of the records.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/site"),
    show_default=True,
    help="Folder of the finished pages.",
)
def site(results: Path, out: Path) -> None:
    """Build the leaderboard site from the records; it works from disk, without a server."""
    from ganqbench.site import build

    report = build(results, out)
    click.echo(f"{report.records} records. Open {(out / 'index.html').resolve().as_uri()}")
    for fault in report.faults:
        click.echo(f"left out: {fault}", err=True)
