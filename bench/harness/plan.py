"""From a suite to the list of cells that still have to run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganqbench.adapter import Adapter, Skip, adapter_names, installed_version, load_adapter
from ganqbench.cell import Bits, Cell
from ganqbench.errors import UserError, unknown_name
from ganqbench.harness.expectation import Expected, expectation
from ganqbench.harness.gans import ZOO, Gans
from ganqbench.harness.identity import resume_key
from ganqbench.harness.judge_files import judge_files
from ganqbench.harness.ledger import Ledger
from ganqbench.protocol import Protocol
from ganqbench.recipes.recipe import RECIPES
from ganqbench.records.store import InvalidRecord, Stamp, read, stamp
from ganqbench.suite import Suite
from ganqbench.zoo.generator import ZooEntry

NO_RECIPE = "none"


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

    @property
    def whole(self) -> tuple[Planned, ...]:
        """What is done and what is not, baselines first."""
        return tuple(sorted((*self.todo, *self.done), key=lambda item: not item.cell.is_baseline))


@dataclass(frozen=True)
class Filters:
    """Values a user asked for; an empty one takes everything."""

    gans: Sequence[str] = ()
    adapters: Sequence[str] = ()
    methods: Sequence[str] = ()
    bits: Sequence[str] = ()
    seeds: Sequence[int] = ()
    recipes: Sequence[str] = ()
    """Recipes; `none` takes the cells without one."""

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
            and (not self.recipes or (cell.recipe or NO_RECIPE) in self.recipes)
        )

    def _check(self, suite: Suite, cells: Sequence[Cell]) -> None:
        for name in self.gans:
            _known("GAN of this suite", name, {cell.gan for cell in cells})
        for name in self.adapters:
            _known("adapter", name, adapter_names())
        for name in self.methods:
            _known("method of this suite", name, {cell.method for cell in cells})
        for name in self.recipes:
            _known("recipe of this suite", name, {cell.recipe or NO_RECIPE for cell in cells})
        for text in self.bits:
            try:
                Bits.parse(text)
            except ValueError as error:
                raise UserError(f"{error}.", f"This suite has {_list(cells, 'bits')}.") from error
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
    # An adapter that is broken or registered twice says so before its source is read.
    adapters = {name: load_adapter(name) for name in dict.fromkeys(cell.adapter for cell in cells)}
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


def _planned(
    suite: Suite, cell: Cell, found: ZooEntry, adapter: Adapter, expected: Expected, results: Path
) -> Planned:
    if cell.method not in adapter.methods:
        raise unknown_name(f"method of adapter {cell.adapter}", cell.method, adapter.methods)
    if cell.recipe is not None and cell.recipe not in RECIPES:
        raise unknown_name("recipe", cell.recipe, tuple(RECIPES))
    declined = (None if adapter.missing else adapter.declines(cell)) or _untrainable(adapter, cell)
    return Planned(
        cell=cell,
        key=resume_key(cell, suite, found, expected.code, expected.versions),
        weights=f"sha256:{found.weights_sha256}" if found.weights_sha256 else None,
        suite_digest=suite.digest(cell.gan),
        protocol=suite.protocol[cell.gan],
        declined=declined,
        skip=_missing(found) or unjudged(found, suite.protocol[cell.gan]) or adapter.skip(cell) or declined,
        tolerance=dict(suite.tolerance),
        expected=expected,
        seen=stamp(results / cell.path),
    )


def _missing(found: ZooEntry) -> Skip | None:
    """Why this GAN can't be loaded here."""
    absent = " ".join(name for name in found.requires if installed_version(name) is None)
    return (
        Skip(f"{found.name} needs {absent}, which is not installed: pip install {absent}") if absent else None
    )


def _untrainable(adapter: Adapter, cell: Cell) -> Skip | None:
    """Why a recipe can't fine-tune what this method returns."""
    if cell.recipe is None or adapter.methods[cell.method].trainable:
        return None
    trainable = ", ".join(name for name, method in adapter.methods.items() if method.trainable)
    which = f"these have: {trainable}" if trainable else "no method of this adapter has"
    return Skip(
        f"Recipe {cell.recipe} needs quantizers that let gradients through, which "
        f"{cell.adapter}.{cell.method} has not; {which}"
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
