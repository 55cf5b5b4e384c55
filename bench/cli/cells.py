"""How a command is told of a cell: by its record's file, or by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganqbench.errors import UserError, unknown_name
from ganqbench.harness.gans import Gans

if TYPE_CHECKING:
    from ganqbench.cell import Cell
    from ganqbench.records.schema import Record
    from ganqbench.suite import Suite

_NAME = re.compile(
    r"(?P<suite>[^/]+)/(?P<gan>[^/]+)/"
    r"(?P<adapter>[^.]+)\.(?P<method>[^.+]+)(?:\+(?P<recipe>[^.]+))?\.(?P<bits>FP32|W\d+A\d+)\.s(?P<seed>\d+)"
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


@dataclass(frozen=True)
class Named:
    """A cell, the suite it is of, and its record where a file was named."""

    cell: Cell
    suite: Suite
    record: Record | None = None

    def check_ran(self) -> None:
        """UserError where the record is of a cell that has no generator to show."""
        if self.record is not None and self.record.status != "ok":
            reason = (self.record.reason or "").rstrip(".")
            raise UserError(
                f"The cell of {self.cell} is {self.record.status}: {reason}.", "Take a cell that ran."
            )


def named_cell(text: str, gans: Gans) -> Named:
    """The cell of a record's file, or the one that a text names; UserError for neither."""
    from pydantic import ValidationError

    from ganqbench.cell import Cell
    from ganqbench.harness.own_suite import named_suite
    from ganqbench.harness.record_suite import record_suite
    from ganqbench.records.text import sentence

    if text.endswith(".json"):
        record = read_record(Path(text))
        _check_checkpoint(record.cell.suite, gans)
        return Named(record.cell, record_suite(Path(text), record, gans), record)
    match = _NAME.fullmatch(text)
    if match is None:
        raise UserError(
            f"{text!r} names no cell.",
            "Write SUITE/GAN/ADAPTER.METHOD[+RECIPE].BITS.sSEED, as in "
            "mini/sagan-cifar10/ganq.ptq-mse.W8A8.s0, or give a record's file.",
        )
    _check_checkpoint(match["suite"], gans)
    suite = named_suite(match["suite"], gans)
    if match["gan"] not in suite.protocol:
        raise unknown_name(f"GAN of suite {suite.name}", match["gan"], suite.protocol)
    try:
        parts = {**match.groupdict(), "suite": suite.name, "suite_version": suite.version}
        cell = Cell.model_validate({**parts, "seed": int(match["seed"])})
    except ValidationError as error:
        raise UserError(
            f"{text!r} names no cell: {sentence(error.errors()[0])}.", "Check each part."
        ) from error
    return Named(cell, suite)


def _check_checkpoint(suite: str, gans: Gans) -> None:
    """UserError where a checkpoint is given and the cell is another generator's."""
    from ganqbench.suite import OWN

    if gans.checkpoint is not None and suite != OWN:
        raise UserError(
            f"A cell of suite {suite} is of its own generator and not of the one in {gans.checkpoint}.",
            f"Leave --checkpoint out, or name a cell of suite {OWN}, as in its records below results/.",
        )
