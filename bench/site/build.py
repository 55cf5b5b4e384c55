"""Building the site: everything is written beside the old one, which gives way at the very end.

Pages and tables that are made of the same as in the old site are taken from there, and so is whatever
somebody else put into its folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd
from jinja2 import Environment

from ganqbench.errors import UserError
from ganqbench.records.canonical import sha256
from ganqbench.site import export, tables
from ganqbench.site.assemble import boards
from ganqbench.site.board import Board
from ganqbench.site.earlier import MARKER, Earlier, Made, marker
from ganqbench.site.load import Fault, Loaded, Run, load
from ganqbench.site.pages import Page, pages
from ganqbench.site.paths import image_path, json_path
from ganqbench.site.render import assets, environment, render
from ganqbench.site.sensitivity import Measured, read_sensitivity
from ganqbench.site.stamps import Stamps, base
from ganqbench.site.support import Support, read_support


@dataclass(frozen=True)
class SiteReport:
    """What a build did: files written (paths below `out`), records shown, files left out and why.

    `kept` are the pages and tables that were taken from the site that was there before.
    """

    files: tuple[str, ...]
    records: int
    faults: tuple[Fault, ...]
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class _File:
    """A file of the site. `stamp` says what it is made of; None for one that is copied, not made."""

    path: str
    make: Callable[[], bytes]
    stamp: str | None = None


def build(
    results: Path,
    out: Path,
    matrix: Path | None = None,
    layers: Path | None = None,
    docs: Path | None = None,
) -> SiteReport:
    """Build the site of all valid records below `results` in the folder `out`.

    `matrix` is the file of the conformance tests that says which method holds where, `layers` the one
    of the sensitivities of layers, `docs` the folder of the built documentation, which is copied into
    the site; without them the pages don't speak of these. The same input gives the same bytes, whether
    or not an earlier site is there to take pages from. What others put into an earlier site's folder
    stays there, unless the site has a file of that name. Raises UserError if `out` holds something else
    than an earlier site, or something that can't be taken over.
    """
    results, out = results.resolve(), out.resolve()
    _check(results, out)
    support = read_support(matrix) if matrix else {}
    measured = read_sensitivity(layers) if layers else ()
    loaded, earlier = load(results), Earlier.in_folder(out)
    fresh = _beside(out, "new")
    try:
        made: dict[str, Made] = {}
        files, kept = [MARKER], []
        for file in _files(loaded, support, measured, docs):
            old = earlier.page(file.path, file.stamp) if file.stamp else None
            content = file.make() if old is None else old
            earlier.place(file.path, content, fresh)
            files.append(file.path)
            # The marker names copied files too, as made of themselves: the next build must know its own.
            digest = sha256(content)
            made[file.path] = Made(of=file.stamp or digest, sha256=digest)
            kept += [file.path] if old is not None else []
        (fresh / MARKER).write_bytes(marker(made))
        _take_over(out, fresh, earlier.pages)
        fresh.chmod(0o755)  # mkdtemp's 0700 would hide the site from a web server
        _swap(fresh, out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return SiteReport(tuple(sorted(files)), len(loaded.runs), loaded.faults, tuple(sorted(kept)))


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


def _files(
    loaded: Loaded, support: Support, measured: tuple[Measured, ...], docs: Path | None
) -> Iterator[_File]:
    """Every file of the site but its marker."""
    folder = assets()
    yield from _copied(folder / "static", "static")
    documented = docs is not None and (docs / "index.html").is_file()
    if docs is not None and documented:
        yield from _copied(docs, "docs")
    made = boards(loaded.runs)
    stamps = Stamps(base(folder, support, measured, documented), made, loaded.faults)
    yield from _tables(loaded, made, stamps)
    for run in loaded.runs:
        yield _File(json_path(run), partial(bytes, run.body))
        if run.image is not None:
            yield _File(image_path(run), partial(bytes, run.image))
    templates = environment(folder, documented)
    for page in pages(loaded, made, support, measured, stamps):
        yield _File(page.path, partial(_page, templates, page), page.stamp)


def _copied(folder: Path, place: str) -> Iterator[_File]:
    """All files below a folder, for a folder of the site."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield _File(f"{place}/{path.relative_to(folder).as_posix()}", path.read_bytes)


def _page(templates: Environment, page: Page) -> bytes:
    return render(templates, page).encode()


def _tables(loaded: Loaded, made: tuple[Board, ...], stamps: Stamps) -> Iterator[_File]:
    every = _Tables(loaded.runs)
    yield _File("data/record.schema.json", _schema, stamps.of([]))
    for suffix in _FORMATS:
        yield _File(f"data/runs.{suffix}", partial(every.as_runs, suffix), stamps.of_all())
        yield _File(f"data/rows.{suffix}", partial(every.as_rows, suffix), stamps.of_all())
        for board in made:
            path = f"{board.folder}/rows.{suffix}"
            yield _File(path, partial(every.as_rows, suffix, board), stamps.of([board]))


def _schema() -> bytes:
    return export.record_schema().encode()


_FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": lambda table: export.csv(table).encode(),
    "json": lambda table: export.as_json(table).encode(),
    "parquet": export.parquet,
}


class _Tables:
    """The tables behind the pages, made when the first of them is asked for."""

    def __init__(self, runs: tuple[Run, ...]) -> None:
        self._all = runs

    @cached_property
    def _runs(self) -> pd.DataFrame:
        return tables.runs_table(self._all)

    @cached_property
    def _rows(self) -> pd.DataFrame:
        return tables.rows_table(self._runs)

    def as_runs(self, suffix: str) -> bytes:
        """A line per record."""
        return _FORMATS[suffix](self._runs)

    def as_rows(self, suffix: str, board: Board | None = None) -> bytes:
        """A line per row, of one board or of all."""
        rows = self._rows
        if board is not None:
            here = (rows["suite"] == board.suite) & (rows["suite_version"] == board.version)
            rows = rows[here & (rows["gan"] == board.gan)].copy()
            rows[[column for one in board.dropped for column in one.columns]] = float("nan")
        return _FORMATS[suffix](rows)


def _beside(out: Path, kind: str) -> Path:
    """A new folder on the file system of `out`."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}-{kind}-", dir=out.parent))
    except OSError as error:
        raise UserError(
            f"{out.parent} can't be written to: {error.strerror or error}.",
            "Choose another folder with --out.",
        ) from error


def _take_over(out: Path, fresh: Path, written: Container[str]) -> None:
    """Put what others left in the old folder into the new one. Without a marker that is all it holds."""
    if not out.exists():
        return
    try:
        _carry(out, fresh, written)
    except OSError as error:  # better no new site than one without it
        raise UserError(
            f"What else lies in {out} can't be taken over into the new site: {error}.",
            "Move it elsewhere, or choose another folder with --out.",
        ) from error


def _carry(old: Path, fresh: Path, written: Container[str], below: str = "") -> None:
    """Carry over whatever is not one of the files `written` by the earlier site; the new site's files win.

    The old folder stays as it is, as it may be needed again.
    """
    with os.scandir(old) as found:
        entries = list(found)
    for entry in entries:
        path, target = f"{below}{entry.name}", fresh / entry.name
        taken = os.path.lexists(target)
        if not entry.is_dir(follow_symlinks=False):
            # The site writes no links: one in the place of its file is somebody's.
            if not taken and not (path in written and entry.is_file(follow_symlinks=False)):
                _same(Path(entry), target)
        elif not taken:
            target.mkdir()
            _carry(Path(entry), target, written, f"{path}/")
            # A folder goes with the last of its pages; one that was empty before is not the site's,
            # and may matter: Git knows a repository by such.
            if any(target.iterdir()) or not any(Path(entry).iterdir()):
                shutil.copystat(entry, target)
            else:
                target.rmdir()
        elif target.is_dir():
            _carry(Path(entry), target, written, f"{path}/")


def _same(old: Path, target: Path) -> None:
    """The same file in another place, or the same link, wherever it leads."""
    try:
        os.link(old, target, follow_symlinks=False)
    except OSError:  # a file system without hard links, or somebody else's file
        shutil.copy2(old, target, follow_symlinks=False)


def _swap(fresh: Path, out: Path) -> None:
    """Put the finished folder in the old one's place; the old one comes back if that fails."""
    if not out.exists():
        os.replace(fresh, out)
        return
    old = _beside(out, "old")
    os.replace(out, old)
    try:
        os.replace(fresh, out)
    except BaseException:
        os.replace(old, out)
        raise
    shutil.rmtree(old)
