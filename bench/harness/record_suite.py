"""The suite that a record was measured by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ganqbench.errors import UserError, unknown_name
from ganqbench.harness.gans import Gans
from ganqbench.harness.own_suite import named_suite
from ganqbench.records.command import SUITE_FILE
from ganqbench.records.schema import Record
from ganqbench.records.store import InvalidRecord, put, read, record_files
from ganqbench.suite import OWN, Suite, load_suite, suite_names


def check_protocol(folder: Path, suite: Suite) -> None:
    """UserError where records of a user's checkpoint lie that another suite was measured for."""
    for gan in suite.protocol:
        for path in record_files(folder / gan):
            try:
                measured = read(path).provenance.suite
            except InvalidRecord:  # the run itself will say so
                continue
            if measured != suite.digest(gan):
                raise UserError(
                    f"{path} was measured by another suite, whose numbers can't stand beside this one's.",
                    "Give the --suite of that record, or another folder with --results.",
                )


@contextmanager
def kept_suite(name: str | None, folder: Path) -> Iterator[Callable[[], None]]:
    """Leaves a copy of a suite's file beside the records that a run writes: they say nothing without it.

    The copy is of the file as it is now. What this yields writes it, before the first record; where `folder`
    is there already, that is done at once. Nothing is done for a packaged suite or None. Raises UserError
    where the file of another suite lies in `folder`, or it can't be written to.
    """
    file = Path(name) if name is not None and name.endswith(".toml") else None
    if file is None:
        yield lambda: None
        return
    keep = partial(_keep, file, file.read_bytes(), folder)
    if folder.is_dir():
        keep()
    try:
        yield keep
    finally:
        if folder.is_dir() and not (folder / SUITE_FILE).exists():
            keep()


def _keep(file: Path, content: bytes, folder: Path) -> None:
    place = folder / SUITE_FILE
    try:
        if place.is_file():
            if place.read_bytes() == content:
                return
            raise UserError(
                f"{place} is another suite than {file}.",
                "Give yours another name or version, or put its file there yourself.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        put(place, content)
    except OSError as error:
        raise UserError(
            f"{folder} can't be written: {error.strerror or error}.", "Give another folder with --results."
        ) from error


def record_suite(path: Path, record: Record, gans: Gans) -> Suite:
    """The packaged suite of a record's name and version, or the `suite.toml` in the folder that it lies in.

    For suite `own`, that of the checkpoint in `gans`. Raises UserError if the suite is not at hand, or has
    changed since.
    """
    cell = record.cell
    beside = path.resolve().parents[1] / SUITE_FILE
    if cell.suite == OWN or cell.suite in suite_names():
        suite = named_suite(cell.suite, gans)
    elif beside.is_file():
        suite = load_suite(str(beside))
    else:
        raise UserError(
            f"No suite {cell.suite!r} is packaged, and there is no {beside.name} in {beside.parent}.",
            f"Copy the suite's file there as {beside.name}.",
        )
    name = f"{suite.name}-v{suite.version}"
    if suite.version != cell.suite_version:
        raise UserError(
            f"{cell} is of an earlier version: suite {suite.name} has version {suite.version} now.",
            "Install the source of the record's commit, or take a record of the present version.",
        )
    if cell.gan not in suite.protocol:
        raise unknown_name(f"GAN of suite {cell.suite}", cell.gan, suite.protocol)
    if cell not in suite.cells():
        raise UserError(f"Suite {name} has no cell {cell.gan} {cell.label}.", "Take one that it has.")
    if suite.digest(cell.gan) != record.provenance.suite:
        again = "Run its cell again with `ganqbench run`."
        raise UserError(
            f"The record of {cell} was measured by another protocol than {name} has.",
            f"Give the --suite it was run with: {record.provenance.command}" if suite.name == OWN else again,
        )
    return suite
