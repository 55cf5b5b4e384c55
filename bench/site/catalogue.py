"""Every method that an adapter offers or a record holds, with its rows on all boards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ganqbench.adapter import Adapter, Method
from ganqbench.cell import Cell
from ganqbench.records.command import command
from ganqbench.site import ideas, names
from ganqbench.site.board import Board, bits_order
from ganqbench.site.row import Row
from ganqbench.site.support import Support
from ganqbench.suite import OWN, load_suite, suite_names

QUICK = "mini"
"""The suite whose single cells take least."""


@dataclass(frozen=True)
class Entry:
    """A method on one backend."""

    adapter: str
    slug: str
    method: Method | None
    """None where this machine can't load the adapter: its records outlive it."""
    support: Mapping[str, Mapping[str, str]]
    """Architecture -> bits -> empty where the conformance tests saw it hold, otherwise why not."""
    rows: tuple[tuple[Board, Row], ...]
    command: str
    """A command that runs it; empty where neither a suite nor a board of one holds it."""

    @property
    def name(self) -> str:
        """Adapter and method, as suites write it."""
        return f"{self.adapter}.{self.slug}"

    @property
    def path(self) -> str:
        """Its page."""
        return method_path(self.adapter, self.slug)

    @property
    def backend(self) -> names.Backend:
        """Label and mark of its adapter."""
        return names.backend(self.adapter)

    @property
    def title(self) -> str:
        """What it is called."""
        return self.method.title if self.method else self.slug

    @property
    def kind(self) -> str:
        """PTQ, Reconstruction, QAT or nothing."""
        return names.KINDS.get(self.method.kind, "") if self.method else ""

    @property
    def kind_text(self) -> str:
        """What its kind means."""
        return ideas.KINDS.get(self.method.kind, "") if self.method else ""

    @property
    def not_for(self) -> str:
        """Where it does not hold: `StyleGAN2; SAGAN at W4A8`."""
        parts = []
        for arch, reasons in self.support.items():
            refused = [bits for bits, reason in reasons.items() if reason]
            if refused:
                title = names.ARCHITECTURES.get(arch, arch)
                parts.append(title if len(refused) == len(reasons) else f"{title} at {', '.join(refused)}")
        return "; ".join(parts)

    @property
    def asked(self) -> tuple[str, ...]:
        """The bits that its support is known for, from the widest to the narrowest."""
        return tuple(sorted({bits for reasons in self.support.values() for bits in reasons}, key=bits_order))

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What it does."""
        return ideas.IDEAS.get(self.slug, ())


@dataclass(frozen=True)
class BackendPage:
    """A backend with its methods, and the versions that its records name."""

    adapter: str
    entries: tuple[Entry, ...]
    requires: tuple[str, ...]
    versions: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its page."""
        return backend_path(self.adapter)

    @property
    def backend(self) -> names.Backend:
        """Label and mark."""
        return names.backend(self.adapter)


def method_path(adapter: str, method: str) -> str:
    """The page of a method."""
    return f"methods/{adapter}.{method}.html"


def backend_path(adapter: str) -> str:
    """The page of a backend."""
    return f"backends/{adapter}.html"


def catalogue(boards: Iterable[Board], support: Support) -> tuple[BackendPage, ...]:
    """Every backend with its methods, quantizing ones only, in the order of `names.BACKENDS`."""
    rows: dict[tuple[str, str], list[tuple[Board, Row]]] = {}
    for board in boards:
        for row in board.rows:
            rows.setdefault((row.adapter, row.method), []).append((board, row))
    adapters = {name: adapter for name, adapter in names.adapters().items() if adapter}
    known = {adapter for adapter, _ in rows} | set(adapters)
    in_suites = _in_suites()
    return tuple(
        _backend(name, adapters.get(name), rows, support, in_suites)
        for name in sorted(known - {"fp32"}, key=names.backend_rank)
    )


def _backend(
    name: str,
    adapter: Adapter | None,
    rows: Mapping[tuple[str, str], list[tuple[Board, Row]]],
    support: Support,
    in_suites: Mapping[tuple[str, str], Cell],
) -> BackendPage:
    methods = dict(adapter.methods) if adapter else {}
    slugs = [*methods, *sorted({slug for owner, slug in rows if owner == name} - set(methods))]
    entries = tuple(
        Entry(
            name,
            slug,
            methods.get(slug),
            support.get(f"{name}.{slug}", {}),
            _by_bits(rows.get((name, slug), [])),
            _command(rows.get((name, slug), []), in_suites.get((name, slug))),
        )
        for slug in slugs
    )
    requires = adapter.requires if adapter else ()
    return BackendPage(name, entries, requires, _versions(requires, entries))


def _by_bits(rows: list[tuple[Board, Row]]) -> tuple[tuple[Board, Row], ...]:
    return tuple(sorted(rows, key=lambda one: bits_order(one[1].bits)))


def _in_suites() -> dict[tuple[str, str], Cell]:
    """Method -> its first cell in the quickest finished suite that holds it, else in an unfinished one."""
    found: dict[tuple[str, str], Cell] = {}
    order = sorted(
        map(load_suite, suite_names()),
        key=lambda suite: (not suite.version, suite.name != QUICK, suite.cpu_hours),
    )
    for suite in order:
        for cell in suite.cells():
            if cell.recipe is None:
                found.setdefault((cell.adapter, cell.method), cell)
    return found


def _command(rows: list[tuple[Board, Row]], cell: Cell | None) -> str:
    """That of a suite's cell, else of a row's: not of one of a checkpoint that the reader hasn't got."""
    cells = (row.runs[0].cell for board, row in rows if board.suite != OWN)
    found = cell or next(cells, None)
    return command(found) if found else ""


def _versions(requires: tuple[str, ...], entries: tuple[Entry, ...]) -> tuple[str, ...]:
    """Versions of its distributions that the records name: `brevitas 0.13.4`."""
    return tuple(
        sorted(
            {
                f"{name} {version}"
                for entry in entries
                for _, row in entry.rows
                for run in row.runs
                for name, version in run.record.provenance.versions.items()
                if name in requires and version is not None
            }
        )
    )
