"""Building the site: everything is written beside the old one, which gives way at the very end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganqbench.errors import UserError
from ganqbench.site import export, tables
from ganqbench.site.assemble import boards
from ganqbench.site.board import Board
from ganqbench.site.load import Fault, Loaded, load
from ganqbench.site.pages import image_path, json_path, pages
from ganqbench.site.render import assets, environment, render
from ganqbench.site.sensitivity import Measured, read_sensitivity
from ganqbench.site.support import Support, read_support

MARKER = ".ganqbench-site"
"""A file that says a folder was made here, so that it may be replaced."""


@dataclass(frozen=True)
class SiteReport:
    """What a build did: files written (paths below `out`), records shown, files left out and why."""

    files: tuple[str, ...]
    records: int
    faults: tuple[Fault, ...]


def build(results: Path, out: Path, matrix: Path | None = None, layers: Path | None = None) -> SiteReport:
    """Build the site of all valid records below `results` in the folder `out`.

    `matrix` is the file of the conformance tests that says which method holds where, `layers` the one
    of the sensitivities of layers; without them the pages don't speak of these. The same input gives
    the same bytes. Raises UserError if `out` holds something else than an earlier site, which would be
    lost.
    """
    results, out = results.resolve(), out.resolve()
    _check(results, out)
    support = read_support(matrix) if matrix else {}
    measured = read_sensitivity(layers) if layers else ()
    loaded = load(results)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-new-", dir=out.parent))
    try:
        files = []
        for path, content in _files(loaded, support, measured):
            target = fresh / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            files.append(path)
        fresh.chmod(0o755)  # mkdtemp's 0700 would hide the site from a web server
        _swap(fresh, out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return SiteReport(tuple(sorted(files)), len(loaded.runs), loaded.faults)


def _check(results: Path, out: Path) -> None:
    if results == out or results in out.parents or out in results.parents:
        raise UserError(
            f"The site can't be built in {out}: it and the results {results} would lie in one another.",
            "Choose another folder with --out.",
        )
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARKER).is_file())):
        raise UserError(
            f"{out} holds something that is not a site built by this command.",
            "Choose another folder with --out, or empty it yourself.",
        )


def _files(loaded: Loaded, support: Support, measured: tuple[Measured, ...]) -> Iterator[tuple[str, bytes]]:
    """Every file of the site."""
    yield MARKER, b"Built by ganqbench; the next build replaces this folder.\n"
    folder = assets()
    for path in sorted((folder / "static").rglob("*")):
        if path.is_file():
            yield f"static/{path.relative_to(folder / 'static').as_posix()}", path.read_bytes()
    made = boards(loaded.runs)
    yield from _tables(loaded, made)
    for run in loaded.runs:
        yield json_path(run), run.body
        if run.image is not None:
            yield image_path(run), run.image
    templates = environment(folder)
    for page in pages(loaded, made, support, measured):
        yield page.path, render(templates, page.template, page.path, page.context).encode()


def _tables(loaded: Loaded, made: tuple[Board, ...]) -> Iterator[tuple[str, bytes]]:
    runs = tables.runs_table(loaded.runs)
    rows = tables.rows_table(runs)
    yield "data/runs.csv", export.csv(runs).encode()
    yield "data/runs.json", export.as_json(runs).encode()
    yield "data/runs.parquet", export.parquet(runs)
    yield "data/rows.parquet", export.parquet(rows)
    yield "data/rows.csv", export.csv(rows).encode()
    yield "data/rows.json", export.as_json(rows).encode()
    yield "data/record.schema.json", export.record_schema().encode()
    for board in made:
        here = (rows["suite"] == board.suite) & (rows["suite_version"] == board.version)
        part = rows[here & (rows["gan"] == board.gan)]
        yield f"{board.folder}/rows.csv", export.csv(part).encode()
        yield f"{board.folder}/rows.json", export.as_json(part).encode()
        yield f"{board.folder}/rows.parquet", export.parquet(part)


def _swap(fresh: Path, out: Path) -> None:
    """Put the finished folder in the old one's place; the old one comes back if that fails."""
    if not out.exists():
        os.replace(fresh, out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
    os.replace(out, old)
    try:
        os.replace(fresh, out)
    except OSError:
        os.replace(old, out)
        raise
    shutil.rmtree(old)
