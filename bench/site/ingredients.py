"""What each ingredient of a recipe does: the rows of suite `study`, generators side by side, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

from ganqbench.site.board import Board, bits_order
from ganqbench.site.columns import BY_KEY
from ganqbench.site.row import Row

SUITE = "study"
WIDTH = "W4A8"
"""Where the ingredients are looked at, one at a time."""
SHORT = "distill-short"
"""The recipe under which starts are compared."""

_HEAD = """## What each ingredient does

Of suite `study`, one factor at a time. Each cell has the paired difference to FP32's distance in per cent of
that distance, its 95 % interval in brackets, and the PSNR to FP32's images; over several seeds the mean, with
the least and the greatest end. A table is in the order of the mean PSNR.
"""


@dataclass(frozen=True)
class _Table:
    title: str
    holds: Callable[[Row], bool]
    name: Callable[[Row], str]


_TABLES = (
    _Table(
        f"Calibrated alone, at {WIDTH}",
        lambda row: row.bits == WIDTH and row.recipe is None,
        lambda row: f"`{row.adapter}.{row.method}`",
    ),
    _Table(
        f"The same starts and the short recipe, `{SHORT}`, at {WIDTH}",
        lambda row: row.bits == WIDTH and row.recipe == SHORT,
        lambda row: f"`{row.adapter}.{row.method}`",
    ),
    _Table(
        f"Recipes, from `ganq.qat-even-gptq-ends8` at {WIDTH}",
        lambda row: row.bits == WIDTH and row.method == "qat-even-gptq-ends8",
        lambda row: f"`{row.recipe}`",
    ),
    _Table(
        "The frontier",
        lambda row: row.bits != WIDTH,
        lambda row: f"{row.bits}, `{row.method}{'+' + row.recipe if row.recipe else ''}`",
    ),
)


def ingredients(shown: Iterable[Board]) -> str:
    """The section; empty without records of the study's newest version."""
    every = [board for board in shown if board.suite == SUITE and board.results and board.baseline]
    newest = max((board.version for board in every), default=None)
    kept = [board for board in every if board.version == newest]
    return "\n".join([_HEAD, *("\n".join(_table(table, kept)) for table in _TABLES)]) if kept else ""


def _table(table: _Table, shown: list[Board]) -> Iterator[str]:
    found: dict[tuple[tuple[int, int], str], dict[str, Row]] = {}
    for board in shown:
        for row in filter(table.holds, board.results):
            found.setdefault((bits_order(row.bits), table.name(row)), {})[board.gan] = row
    if not found:
        return
    columns = [board for board in shown if any(board.gan in rows for rows in found.values())]
    yield f"### {table.title}\n"
    yield "| | " + " | ".join(board.names.title for board in columns) + " |"
    yield "|---" * (1 + len(columns)) + "|"
    for (_, name), rows in sorted(found.items(), key=lambda item: (item[0][0], _psnr(item[1]), item[0][1])):
        cells = (_cell(board, rows.get(board.gan)) for board in columns)
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""


def _psnr(rows: Mapping[str, Row]) -> float:
    return fmean(row.get("psnr") or 0.0 for row in rows.values())


def _cell(board: Board, row: Row | None) -> str:
    whole = board.baseline.get("fid") if board.baseline else None
    if row is None or not whole:
        return ""
    delta, span, psnr = row.get("fid_delta"), row.span("fid_delta"), row.get("psnr")
    text = "" if delta is None else f"{100 * delta / whole:+.1f} %"
    if span is not None:
        text += f" ({100 * span[0] / whole:+.1f} to {100 * span[1] / whole:+.1f})"
    if psnr is not None:
        text += f", {BY_KEY['psnr'].text(psnr)} dB"
    return text.removeprefix(", ").replace("-", "\u2212")
