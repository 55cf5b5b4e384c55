"""`ganqbench site`: build the leaderboard."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import NoReturn

import click
from click.core import ParameterSource


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
@click.option(
    "--matrix",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/method-matrix.json"),
    show_default=True,
    help="What `nox -s matrix` wrote of where each method holds; left out if it isn't there.",
)
@click.option(
    "--sensitivity",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/sensitivity.json"),
    show_default=True,
    help="What benchmarks/sensitivity.py wrote of the layers; left out if it isn't there.",
)
@click.option(
    "--docs",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/docs"),
    show_default=True,
    help="What `nox -s docs` built, to be part of the site; left out if it isn't there.",
)
@click.option("--serve", is_flag=True, help="Then show it on this machine until Ctrl+C.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port for --serve; 0 takes a free one.",
)
@click.pass_context
def site(
    ctx: click.Context,
    results: Path,
    out: Path,
    matrix: Path,
    sensitivity: Path,
    docs: Path,
    serve: bool,
    port: int,
) -> None:
    """Build the leaderboard site from the records; it works from disk, without a server."""
    from ganqbench.errors import UserError
    from ganqbench.site import build

    if not results.is_dir():
        raise UserError(
            f"There is no folder {results}.",
            "Measure something first, as with `ganqbench run --suite mini`, or name another with --results.",
        )
    for name, path in (("matrix", matrix), ("sensitivity", sensitivity), ("docs", docs)):
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT and not path.exists():
            raise UserError(
                f"There is no {path}.", f"Give --{name} something that is there, or leave it out."
            )
    before = signal.signal(signal.SIGTERM, _end)  # so that what is half built goes
    try:
        report = build(results, out, matrix, sensitivity, docs)
    finally:
        signal.signal(signal.SIGTERM, before)
    kept = f", {len(report.kept)} pages and tables as they were" if report.kept else ""
    click.echo(f"{report.records} records{kept}. Open {(out / 'index.html').resolve().as_uri()}")
    for fault in report.faults:
        click.echo(f"left out: {fault}", err=True)
    if serve:
        from ganqbench.site.serve import server

        with server(out, port) as running:
            click.echo(f"Serving http://127.0.0.1:{running.server_port}/ until Ctrl+C")
            try:
                running.serve_forever()
            except KeyboardInterrupt:
                click.echo("Stopped.")


def _end(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)
