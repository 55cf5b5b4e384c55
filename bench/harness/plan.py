"""From a suite to the list of cells that still have to run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganqbench.adapter import Adapter, Skip, load_adapter
from ganqbench.cell import Cell
from ganqbench.errors import UserError
from ganqbench.harness.expectation import Expected, expectation
from ganqbench.harness.gans import ZOO, Gans
from ganqbench.harness.identity import resume_key
from ganqbench.harness.ledger import Ledger
from ganqbench.harness.skips import check_names, missing, uninstalled, unjudged, untrainable
from ganqbench.protocol import Protocol
from ganqbench.records.store import InvalidRecord, Stamp, preview_path, read, stamp
from ganqbench.records.validate import preview_faults
from ganqbench.suite import Suite
from ganqbench.zoo.generator import ZooEntry


@dataclass(frozen=True)
class Planned:
    """A cell with all that identifies its result."""

    cell: Cell
    key: str
    weights: str | None
    """None for an official file that is not pinned and not here yet."""
    suite_digest: str
    protocol: Protocol
    declined: Skip | None
    """Why its adapter does not take this cell, whatever is installed."""
    skip: Skip | None
    """Why it can't run here."""
    tolerance: dict[str, float]
    expected: Expected
    """What the cell's process must find where it runs."""
    seen: Stamp
    """What lay at the record's place when this was planned."""

    @property
    def lacking(self) -> bool:
        """Whether something is missing here, so that the cell may well run elsewhere."""
        return self.skip is not None and self.skip != self.declined


@dataclass(frozen=True)
class Plan:
    """What a run has to do: `todo` in order, and the cells whose records are current."""

    todo: tuple[Planned, ...]
    done: tuple[Planned, ...]
    baselines: dict[str, str]
    """GAN -> resume key of its full-precision cell."""
    gans: Gans = ZOO
    ledger: Ledger | None = None
    """Where given, only records in it count."""
    images: Path | None = None
    """Folder of full-precision images; None is the one in the cache folder."""

    @property
    def whole(self) -> tuple[Planned, ...]:
        """What is done and what is not, baselines first."""
        return tuple(sorted((*self.todo, *self.done), key=lambda item: not item.cell.is_baseline))


def make_plan(
    suite: Suite,
    cells: Sequence[Cell],
    results: Path,
    ledger: Ledger | None = None,
    gans: Gans = ZOO,
) -> Plan:
    """Compare the cells with the records in `results`; raises UserError if one of them, or an adapter,
    can't be read, or the suite asks a GAN for a resolution that it has not.

    A record is current when its key is the cell's key, its image lies beside it and, where `ledger` is
    given, its hash is in it. Failed cells are always run again.
    """
    trusted = ledger.hashes() if ledger is not None else None
    # An adapter that is broken or registered twice says so before its source is read.
    adapters = {name: load_adapter(name) for name in dict.fromkeys(cell.adapter for cell in cells)}
    for name in dict.fromkeys(cell.gan for cell in cells):
        entry, resolution = gans.entry(name), suite.protocol[name].resolution
        if resolution != entry.resolution:  # to read inputs takes a moment
            entry.inputs("final", resolution)
    expected: dict[tuple[str, str], Expected] = {}
    for cell in cells:
        if (cell.gan, cell.adapter) not in expected:
            entry = gans.entry(cell.gan)
            expected[cell.gan, cell.adapter] = expectation(
                cell, entry, adapters[cell.adapter], suite.protocol[cell.gan]
            )
    planned = [
        _planned(
            *(suite, cell, gans.entry(cell.gan), adapters[cell.adapter]),
            *(expected[cell.gan, cell.adapter], results),
        )
        for cell in cells
    ]
    faults: list[str] = []
    current = [_is_current(item, results, trusted, faults) for item in planned]
    if faults:
        raise UserError(
            f"{len(faults)} file(s) where records belong can't be read, and are not overwritten: "
            + "; ".join(faults[:3])
            + ".",
            "Explain them with `ganqbench validate`, then move or delete them.",
        )
    todo = tuple(item for item, is_done in zip(planned, current, strict=True) if not is_done)
    done = tuple(item for item, is_done in zip(planned, current, strict=True) if is_done)
    baselines = {item.cell.gan: item.key for item in planned if item.cell.is_baseline}
    return Plan(todo, done, baselines, gans, ledger)


def _planned(
    suite: Suite, cell: Cell, found: ZooEntry, adapter: Adapter, expected: Expected, results: Path
) -> Planned:
    check_names(cell, adapter)
    protocol = suite.protocol[cell.gan]
    declined = (None if adapter.missing else adapter.declines(cell)) or untrainable(cell, adapter)
    return Planned(
        cell=cell,
        key=resume_key(cell, suite, found, expected.code, expected.versions),
        weights=f"sha256:{found.weights_sha256}" if found.weights_sha256 else None,
        suite_digest=suite.digest(cell.gan),
        protocol=protocol,
        declined=declined,
        skip=missing(found) or unjudged(found, protocol) or uninstalled(adapter) or declined,
        tolerance=dict(suite.tolerance),
        expected=expected,
        seen=stamp(results / cell.path),
    )


def _is_current(item: Planned, results: Path, trusted: Collection[str] | None, faults: list[str]) -> bool:
    path = results / item.cell.path
    if not path.exists():
        return False
    try:
        record = read(path)
    except InvalidRecord as error:
        faults.append(str(error))
        return False
    if record.cell != item.cell:
        faults.append(f"{path}: holds the record of another cell, {record.cell}")
        return False
    if trusted is not None and record.hash not in trusted:
        return False
    if record.status == "failed" or record.provenance.key != item.key:
        return False
    if record.status == "skipped" and record.cost.attempts == 0 and item.skip is None:
        return False  # no process was asked, and what was lacking where it was planned is here
    return not any(preview_faults(record, preview_path(path)))
