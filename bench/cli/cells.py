"""How a command is told of a cell: by its record's file, or by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ganqbench.errors import UserError
from ganqbench.harness.gans import ZOO, Gans

if TYPE_CHECKING:
    from ganqbench.cell import Cell
    from ganqbench.records.schema import Record

_NAME = re.compile(
    r"(?P<suite>[^/]+)/(?P<gan>[^/]+)/"
    r"(?P<adapter>[^.]+)\.(?P<method>[^.+]+)(?:\+(?P<recipe>[^.]+))?\.(?P<bits>W\d+A\d+)\.s(?P<seed>\d+)"
)


def read_record(path: Path) -> Record:
    """The record in a file; UserError where there is none."""
    from ganqbench.records.store import InvalidRecord, read

    try:
        return read(path)
    except FileNotFoundError:
        problem = f"There is no file {path}."
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror}."
    except InvalidRecord as error:
        problem = f"{path} is no record: {'; '.join(error.faults).rstrip('.')}."
    raise UserError(problem, "Give a file below results/.")


def named_cell(text: str, gans: Gans = ZOO) -> Cell:
    """The cell of a record's file, or the one that a text names; UserError for neither."""
    from pydantic import ValidationError

    from ganqbench.cell import Cell
    from ganqbench.harness.own_suite import named_suite

    if text.endswith(".json"):
        return read_record(Path(text)).cell
    match = _NAME.fullmatch(text)
    if match is None:
        raise UserError(
            f"{text!r} names no cell.", "Write suite/gan/adapter.method.bits.seed, or give a record's file."
        )
    version = named_suite(match["suite"], gans).version
    try:
        return Cell.model_validate(
            {**match.groupdict(), "seed": int(match["seed"]), "suite_version": version}
        )
    except ValidationError as error:
        raise UserError(f"{text!r} names no cell: {error.errors()[0]['msg']}.", "Check each part.") from error
