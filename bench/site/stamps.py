"""What a page is made of, as a digest: a page with the same digest has the same bytes."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ganqbench.records.canonical import sha256
from ganqbench.site import names
from ganqbench.site.board import Board
from ganqbench.site.load import Fault, Run

_SOURCES = (".py", ".toml")
_PARTS = ("metrics", "records", "site", "suites")
"""Folders of the package that the pages are made by, beside its own modules; a test holds them complete."""
_TOOLS = ("ganqbench", "jinja2", "markupsafe", "numpy", "pandas", "pyarrow", "pydantic")


class Stamps:
    """Digests of pages. `base` is what every page is made of; records come to it as far as they matter.

    The names of all boards are in every digest, since every page links to them.
    """

    def __init__(self, base: str, boards: Iterable[Board], faults: Iterable[Fault]) -> None:
        self._boards = {board.folder: _of_board(board) for board in boards}
        self._base = _digest(base, list(self._boards))
        self._faults = [str(fault) for fault in faults]

    def of(self, boards: Iterable[Board], *others: str) -> str:
        """A page that shows these boards, and nothing of others but what `others` say."""
        return _digest(self._base, {board.folder: self._boards[board.folder] for board in boards}, others)

    def of_all(self) -> str:
        """A page that shows every record, and what was left out."""
        return _digest(self._base, list(self._boards.values()), self._faults)


def base(templates: Path, *others: object) -> str:
    """The digest of code, templates, the adapters' own words, and of other inputs by their `repr`."""
    return _digest(
        list(_sources(templates, ("",))), list(_package()), list(_tools()), list(_adapters()), others
    )


def _of_board(board: Board) -> str:
    return _digest(*(_of_run(run) for row in board.rows for run in row.runs))


def _of_run(run: Run) -> list[str]:
    rerun = run.rerun.model_dump_json() if run.rerun else ""
    return [run.cell.path.as_posix(), sha256(run.body), sha256(run.image or b""), rerun]


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode("utf-8", "backslashreplace"))


def _package() -> Iterator[list[str]]:
    """The package's files that can change a page. Of adapters only their words can: see `_adapters`."""
    root = Path(__file__).parents[1]
    for name, content in _sources(root, _SOURCES):
        parts = Path(name).parts
        if len(parts) == 1 or parts[0] in _PARTS:
            yield [name, content]


def _sources(folder: Path, suffixes: tuple[str, ...]) -> Iterator[list[str]]:
    """Names and digests of the files below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.name.endswith(suffixes):
            yield [path.relative_to(folder).as_posix(), sha256(path.read_bytes())]


def _tools() -> Iterator[list[str]]:
    yield ["python", platform.python_version()]
    for name in _TOOLS:
        try:
            yield [name, version(name)]
        except PackageNotFoundError:
            yield [name, ""]


def _adapters() -> Iterator[list[object]]:
    """What the pages say of each adapter's methods: an adapter may be another distribution's."""
    for name, adapter in names.adapters().items():
        if adapter is None:
            yield [name]
            continue
        methods = [
            [slug, one.title, one.kind, one.reference, one.trainable, one.requirement, list(one.exempt)]
            for slug, one in adapter.methods.items()
        ]
        yield [name, list(adapter.requires), methods]
