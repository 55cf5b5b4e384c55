"""Two results folders, or two records, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganqbench.cell import Cell
from ganqbench.records.compare import Difference, differences
from ganqbench.records.schema import Record
from ganqbench.records.validate import Fault, Report, validate


@dataclass(frozen=True)
class Change:
    """A cell that both sides have, with what is different."""

    cell: Cell
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Diff:
    """Everything that is different between two sides; `same` counts the cells that agree."""

    changed: tuple[Change, ...]
    appeared: tuple[Record, ...]
    vanished: tuple[Record, ...]
    same: int
    faults: tuple[Fault, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.appeared or self.vanished)

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "changed": [
                {
                    "cell": change.cell.model_dump(mode="json"),
                    "differences": [
                        {"what": each.what, "old": each.old, "new": each.new, "allowed": each.allowed}
                        for each in change.differences
                    ],
                }
                for change in self.changed
            ],
            "appeared": [_row(record) for record in self.appeared],
            "vanished": [_row(record) for record in self.vanished],
            "same": self.same,
            "faults": [str(fault) for fault in self.faults],
        }


def _row(record: Record) -> dict[str, Any]:
    return {"cell": record.cell.model_dump(mode="json"), "status": record.status}


def diff(old: Path, new: Path) -> Diff:
    """Compare the valid records below two folders cell by cell, or the records in two files.

    Cells of another suite version are taken for the same where each side holds one version only.
    """
    before, after = validate(old), validate(new)
    name = _cell_name
    if old.is_file() and new.is_file():  # two records that somebody wants to see side by side
        name = _any_name
    elif _one_version(before) and _one_version(after):
        name = _versionless_name
    left, right = ({name(record): record for _, record in side.records} for side in (before, after))
    changed = []
    shared = [each for each in left if each in right]
    for each in shared:
        found = tuple(differences(left[each], right[each]))
        if found:
            changed.append(Change(right[each].cell, found))
    return Diff(
        tuple(changed),
        tuple(record for each, record in right.items() if each not in left),
        tuple(record for each, record in left.items() if each not in right),
        len(shared) - len(changed),
        (*before.faults, *after.faults),
    )


def _cell_name(record: Record) -> str:
    return str(record.cell)


def _versionless_name(record: Record) -> str:
    return f"{record.cell.suite} {record.cell.gan} {record.cell.label}"


def _any_name(record: Record) -> str:
    return "the record"


def _one_version(side: Report) -> bool:
    """Whether no suite is there in two versions."""
    versions = {(record.cell.suite, record.cell.suite_version) for _, record in side.records}
    return len({suite for suite, _ in versions}) == len(versions)
