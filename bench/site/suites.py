"""What a suite says of itself, where this version of the package still knows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ganqbench.cell import Cell
from ganqbench.errors import UserError
from ganqbench.protocol import Protocol
from ganqbench.site.board import Board
from ganqbench.site.load import Run
from ganqbench.suite import load_suite


@dataclass(frozen=True)
class Described:
    """A suite's title and how it measures one GAN."""

    title: str
    protocol: Protocol


def described(name: str, gan: str, digests: set[str]) -> Described | None:
    """The description of a board's suite; None unless every record was measured exactly so.

    `digests` are what the board's records say of the suite they were run under.
    """
    try:
        suite = load_suite(name)
    except UserError:
        return None
    if gan not in suite.protocol or digests != {suite.digest(gan)}:
        return None
    return Described(suite.title, suite.protocol[gan])


@cache
def installed_version(name: str) -> int | None:
    """The version of a suite that a command runs; None where the package does not know it."""
    try:
        return load_suite(name).version
    except UserError:
        return None


def images(name: str, gan: str, runs: Iterable[Run]) -> int | None:
    """How many images a suite takes of a GAN; None if its records disagree.

    An earlier version, or somebody's own suite, is known only by what its records say: all must say
    the same.
    """
    origins = [run.record.provenance for run in runs]
    known = described(name, gan, {origin.suite for origin in origins})
    if known:
        return known.protocol.final
    told = {origin.protocol.get("final") for origin in origins}
    return told.pop() if len(told) == 1 else None


def newest(boards: Iterable[Board]) -> tuple[Board, ...]:
    """Of each suite and GAN the board of the last version, in the order given.

    One that still lacks cells stands back behind an earlier version, and says nothing at all where its GAN
    has a whole board: the best of what happened to run first is no finding.
    """
    every = [board for board in boards if board.results]
    whole = {board.gan for board in every if not lacking(board)}
    last: dict[tuple[str, str], Board] = {}
    for board in sorted(every, key=lambda each: (not lacking(each), each.version)):
        if not lacking(board) or board.gan not in whole:
            last[board.suite, board.gan] = board
    return tuple(board for board in every if last.get((board.suite, board.gan)) is board)


def lacking(board: Board) -> int:
    """How many cells of the installed suite have no record yet; 0 where its version is not installed."""
    wanted = {cell for cell in _cells(board.suite, board.version) if cell.gan == board.gan}
    return len(wanted - {run.cell for row in board.rows for run in row.runs})


@cache
def _cells(name: str, version: int) -> frozenset[Cell]:
    if installed_version(name) != version:
        return frozenset()
    return frozenset(load_suite(name).cells())
