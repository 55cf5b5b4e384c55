"""From a suite to the list of cells that still have to run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganqbench.adapter import Skip, adapter_names, installed_version, load_adapter
from ganqbench.cell import Bits, Cell
from ganqbench.errors import UserError, unknown_name
from ganqbench.harness.expectation import expectation
from ganqbench.harness.gans import ZOO, Gans
from ganqbench.harness.identity import numeric_code, resume_key, versions
from ganqbench.harness.judge_files import judge_files
from ganqbench.harness.ledger import Ledger
from ganqbench.protocol import Protocol
from ganqbench.records.store import InvalidRecord, read
from ganqbench.suite import Suite
from ganqbench.zoo.generator import ZooEntry

@dataclass(frozen=True)
class Planned:
    """A cell with all that identifies its result."""

    cell: Cell
    key: str
    code: str
    versions: dict[str, str | None]
    weights: str | None
    """None for an official file that is not pinned and not here yet."""
    suite_digest: str
    protocol: Protocol
    skip: Skip | None
    tolerance: dict[str, float]
    expected: Mapping[str, Any]
    """What the cell's process must find where it runs, see `expectation`."""


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


@dataclass(frozen=True)
class Filters:
    """Values a user asked for; an empty one takes everything."""

    gans: Sequence[str] = ()
    adapters: Sequence[str] = ()
    methods: Sequence[str] = ()
    bits: Sequence[str] = ()
    seeds: Sequence[int] = ()

    def select(self, suite: Suite) -> tuple[Cell, ...]:
        """The suite's cells that pass, their baselines always among them; UserError for an unknown name."""
        cells = suite.cells()
        self._check(suite, cells)
        wanted = [cell for cell in cells if self._passes(cell)]
        gans = {cell.gan for cell in wanted}
        if not wanted:
            raise UserError(
                f"No cell of suite {suite.name!r} passes these filters.",
                "Drop one, or see what there is with --dry-run.",
            )
        return tuple(cell for cell in cells if cell in wanted or (cell.is_baseline and cell.gan in gans))

    def _passes(self, cell: Cell) -> bool:
        bits = [Bits.parse(text) for text in self.bits]
        return (
            (not self.gans or cell.gan in self.gans)
            and (not self.adapters or cell.adapter in self.adapters)
            and (not self.methods or cell.method in self.methods)
            and (not bits or cell.bits in bits)
            and (not self.seeds or cell.seed in self.seeds)
        )

    def _check(self, suite: Suite, cells: Sequence[Cell]) -> None:
        for name in self.gans:
            _known("GAN of this suite", name, {cell.gan for cell in cells})
        for name in self.adapters:
            _known("adapter", name, adapter_names())
        for name in self.methods:
            _known("method of this suite", name, {cell.method for cell in cells})
        for text in self.bits:
            try:
                Bits.parse(text)
            except ValueError as error:
                raise UserError(
                    f"{error}.".capitalize(), f"This suite has {_list(cells, 'bits')}."
                ) from error
            _known("bit-width of this suite", text, {str(cell.bits) for cell in cells})
        for seed in self.seeds:
            _known("seed of this suite", str(seed), {str(cell.seed) for cell in cells})


def make_plan(
    suite: Suite,
    cells: Sequence[Cell],
    results: Path,
    ledger: Ledger | None = None,
    gans: Gans = ZOO,
) -> Plan:
    """Compare the cells with the records in `results`; raises UserError if one of them, or an adapter,
    can't be read.

    A record is current when its key is the cell's key and, where `ledger` is given, its hash is
    in it. Failed cells are always run again.
    """
    trusted = ledger.hashes() if ledger is not None else None
    for name in dict.fromkeys(cell.adapter for cell in cells):
        load_adapter(name)  # one that is broken or registered twice says so before its source is read
    codes: dict[tuple[str, str], str] = {}
    for cell in cells:
        if (cell.gan, cell.adapter) not in codes:
            codes[cell.gan, cell.adapter] = numeric_code(cell, gans.entry(cell.gan))
    planned = [_planned(suite, cell, gans.entry(cell.gan), codes[cell.gan, cell.adapter]) for cell in cells]
    faults: list[str] = []
    done = [item for item in planned if _is_current(item, results, trusted, faults)]
    if faults:
        raise UserError(
            f"{len(faults)} file(s) where records belong can't be read, and are not overwritten: "
            + "; ".join(faults[:3])
            + ".",
            "Explain them with `ganqbench validate`, then move or delete them.",
        )
    todo = [item for item in planned if item not in done]
    baselines = {item.cell.gan: item.key for item in planned if item.cell.is_baseline}
    return Plan(tuple(todo), tuple(done), baselines, gans, ledger)


def _planned(suite: Suite, cell: Cell, found: ZooEntry, code: str) -> Planned:
    adapter = load_adapter(cell.adapter)
    if cell.method not in adapter.methods:
        raise unknown_name(f"method of adapter {cell.adapter}", cell.method, adapter.methods)
    used = versions(adapter, found)
    return Planned(
        cell=cell,
        key=resume_key(cell, suite, found, code, used),
        code=code,
        versions=used,
        weights=f"sha256:{found.weights_sha256}" if found.weights_sha256 else None,
        suite_digest=suite.digest(cell.gan),
        protocol=suite.protocol[cell.gan],
        skip=_missing(found) or unjudged(found, suite.protocol[cell.gan]) or adapter.skip(cell),
        tolerance=dict(suite.tolerance),
        expected=expectation(found, suite.protocol[cell.gan], code, used),
    )


def _missing(found: ZooEntry) -> Skip | None:
    """Why this GAN can't be loaded here."""
    absent = " ".join(name for name in found.requires if installed_version(name) is None)
    return (
        Skip(f"{found.name} needs {absent}, which is not installed: pip install {absent}") if absent else None
    )


def unjudged(found: ZooEntry, protocol: Protocol) -> Skip | None:
    """Why this GAN's images can't be judged here as the suite asks.

    Raises UserError where they never can be: pixels alone must not pass for a suite with distances.
    """
    if protocol.extractor is not None and found.domain is None:
        raise UserError(
            f"The suite asks for distances of {found.name}, whose zoo entry names no reference.",
            "Drop `extractor` from its protocol, or give the zoo entry a `domain`.",
        )
    absent = [path for path in judge_files(found, protocol).values() if not path.is_file()]
    if not absent:
        return None
    names = " and ".join(f"{path.parent.name}/{path.name}" for path in absent)
    return Skip(
        f"{found.name} is judged in the features of {protocol.extractor}, and {names} is not in the cache "
        "folder that `ganqbench doctor` names; `ganqbench reference build` makes references"
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
    return record.status != "failed" and record.provenance.key == item.key


def _known(kind: str, name: str, known: set[str] | tuple[str, ...]) -> None:
    if name not in known:
        raise unknown_name(kind, name, known)


def _list(cells: Sequence[Cell], attribute: str) -> str:
    return ", ".join(dict.fromkeys(str(getattr(cell, attribute)) for cell in cells))
