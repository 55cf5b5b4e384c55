"""Methods against generators at one bit-width: the paired difference to FP32 in every field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import mean

from ganqbench.site import names
from ganqbench.site.board import Board, bits_order
from ganqbench.site.judge import MARGIN
from ganqbench.site.row import Row
from ganqbench.site.suites import newest

# Share of FP32's own distance that is lost, or PSNR in dB: where one shade ends and the next begins.
_SHARES = (0.0, MARGIN, 0.1, 0.3, 1.0)
_PSNRS = (45.0, 40.0, 35.0, 30.0, 25.0)
SHADES = ("\u2264 0", f"\u2264 {MARGIN:.0%}", "\u2264 10%", "\u2264 30%", "\u2264 100%", "more")
"""The shades in words: the increase as a share of FP32's FID."""


@dataclass(frozen=True)
class Field:
    """One method on one generator; `shade` is 0 (best) to 5, None where nothing can be said."""

    row: Row
    board: Board
    shade: int | None


@dataclass(frozen=True)
class Line:
    """A method (with its recipe) across the generators; None where it was not run."""

    first: Row
    fields: tuple[Field | None, ...]

    @property
    def order(self) -> tuple[object, ...]:
        """Sort key: what was measured everywhere first, then by the mean of the shades."""
        shades = [field.shade for field in self.fields if field and field.shade is not None]
        gaps = len(self.fields) - len(shades)
        return gaps, mean(shades) if shades else 0, names.backend_rank(self.first.adapter), self.first.id


@dataclass(frozen=True)
class Heatmap:
    """The map of one bit-width, with the board that each generator's column is taken from."""

    bits: str
    boards: tuple[Board, ...]
    lines: tuple[Line, ...]


def heatmaps(by_gan: Mapping[str, tuple[Board, ...]]) -> tuple[Heatmap, ...]:
    """A map for every bit-width that some board holds, from the widest to the narrowest."""
    widths = {row.bits for boards in by_gan.values() for board in boards for row in board.rows} - {"FP32"}
    return tuple(_heatmap(bits, by_gan) for bits in sorted(widths, key=bits_order))


def shade(board: Board, row: Row) -> int | None:
    """How much worse than FP32 a row is, 0 (not at all) to 5; None without a result.

    A paired difference is set against FP32's own distance, since generators differ in that. Where
    there is no distance, PSNR decides.
    """
    value = row.get(board.yardstick.key)
    if row.status != "ok" or value is None:
        return None
    if board.yardstick.paired:
        base = board.baseline.get("fid") if board.baseline else None
        return sum(value / base > share for share in _SHARES) if base else None
    if board.yardstick.key == "psnr":
        return sum(value < least for least in _PSNRS)
    return None


def _heatmap(bits: str, by_gan: Mapping[str, tuple[Board, ...]]) -> Heatmap:
    found = [_shown(bits, boards) for boards in by_gan.values()]
    columns = tuple(board for board in found if board is not None)
    methods: dict[tuple[str, str, str | None], Row] = {}
    for board in columns:
        for row in _rows(board, bits):
            methods.setdefault((row.adapter, row.method, row.recipe), row)
    lines = [
        Line(first, tuple(_field(board, bits, key) for board in columns)) for key, first in methods.items()
    ]
    return Heatmap(bits, columns, tuple(sorted(lines, key=lambda line: line.order)))


def _shown(bits: str, boards: Iterable[Board]) -> Board | None:
    """The board to show: paired differences before pixels, then most backends and methods at this width.

    Of each suite only the newest version counts.
    """
    having = [board for board in newest(boards) if _results(board, bits)]
    paired = [board for board in having if board.yardstick.paired]
    return max(paired or having, key=lambda board: _breadth(_results(board, bits)), default=None)


def _breadth(rows: list[Row]) -> tuple[int, int]:
    return len({row.adapter for row in rows}), len(rows)


def _results(board: Board, bits: str) -> list[Row]:
    return [row for row in _rows(board, bits) if row.status == "ok"]


def _rows(board: Board, bits: str) -> list[Row]:
    return [row for row in board.rows if row.bits == bits and not row.is_baseline]


def _field(board: Board, bits: str, key: tuple[str, str, str | None]) -> Field | None:
    for row in _rows(board, bits):
        if (row.adapter, row.method, row.recipe) == key:
            return Field(row, board, shade(board, row))
    return None
