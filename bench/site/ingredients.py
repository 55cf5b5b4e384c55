"""What each ingredient of a recipe does: rows of suites `study` and `few`, GAN beside GAN, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ganqbench.site.board import Board, bits_order
from ganqbench.site.columns import BY_KEY
from ganqbench.site.row import Row
from ganqbench.site.suites import newest

STUDY = "study"
FEW = "few"
"""Rows of the study once more, with less to calibrate on."""
WIDTH = "W4A8"
"""Where the ingredients are looked at, one at a time."""
SHORT = "distill-short"
"""The recipe under which starts are compared."""

_HEAD = """## What each ingredient does

Of suite `study`, one factor at a time. Each cell has the paired difference to FP32's distance in per cent of
that distance, its 95 % interval in brackets, and the PSNR to FP32's images; over several seeds the mean, with
the least and the greatest end of their intervals. A table is in the order of the mean PSNR; below
stand rows that not all of its generators have. The differences between these rows are under [what one step
adds](ablation.md).

- **Rounding decides.** No step brings the images as much nearer as rounding with compensation. Learned
  rounding layer by layer (AdaRound) comes next; block by block (BRECQ, QDrop) the images come no nearer here.
- **8-bit ends** bring the images nearer still. Their distance to the data rises on SAGAN, is not shown to
  change on StyleGAN2, and falls on the CycleGAN once trained for a hundred steps.
- **Ranges** of least squared error are worth having while weights are rounded to nearest, and percentiles of
  activations do the same. A step for each output channel brings the images no nearer than one for all.
- **Training** from a good start brings the images nearer the longer it is; the distance comes down on SAGAN
  and StyleGAN2, and not on the CycleGAN. From weights rounded to nearest, a hundred steps end about where
  compensation starts.
- **The parts of a recipe** (losses, average, a small adversarial term, dampening) hardly change the images,
  and the distance by a few per cent at most, where another calibration set moves it by one or two. An
  adversarial term alone came no nearer to full precision at any step: its row is the start, unchanged.
- **Calibration.** With more than 16 inputs, ranges of extremes or of least squared error get worse on
  StyleGAN2, those of `ganq.even` on SAGAN, and they improve nowhere surely; compensation gains, and on SAGAN
  and StyleGAN2 Brevitas' GPTQ breaks down without them.
- **Emoji** are few, and the order by distance is not that by PSNR: rows whose images are far from full
  precision's may lie nearer to the data. PSNR is the safer guide there.
- **Beyond W4A8** a loss is shown on SAGAN and StyleGAN2 at W3A8, and on all three at W2A8 and W4A4.
"""


@dataclass(frozen=True)
class _Table:
    title: str
    holds: Callable[[Row], bool]
    name: Callable[[Row], str]

    def rows(self, study: list[Board]) -> Iterator[tuple[Board, str, Row]]:
        """Its rows with the board they are from and the name they go by."""
        for board in study:
            yield from ((board, self.name(row), row) for row in board.results if self.holds(row))


_FEWER = f"How much calibration, at {WIDTH}"
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
    """The section; empty without records of the study."""
    every = [board for board in newest(shown) if board.baseline]
    study = [board for board in every if board.suite == STUDY]
    few = [board for board in every if board.suite == FEW]
    if not study:
        return ""
    tables = ("\n".join(_table(table.title, study, table.rows(study))) for table in _TABLES)
    return "\n".join([_HEAD, *tables, "\n".join(_table(_FEWER, study, _calibrations(study, few)))])


def _calibrations(study: list[Board], few: list[Board]) -> Iterator[tuple[Board, str, Row]]:
    """The rows of `few` and their like in the study."""
    for board in few:
        for row in board.results:
            inputs = row.runs[0].record.provenance.protocol["calibrate"]
            yield board, f"`{_method(row)}`, {inputs} inputs", row
    again = {(board.gan, row.id) for board in few for row in board.results}
    for board in study:
        for row in board.results:
            if (board.gan, row.id) in again:
                several = f", {row.seeds_ok} seeds" if row.seeds_ok > 1 else ""
                yield board, f"`{_method(row)}`{several}", row


def _method(row: Row) -> str:
    return row.id.removesuffix(f".{row.bits}")


def _table(title: str, study: list[Board], rows: Iterable[tuple[Board, str, Row]]) -> Iterator[str]:
    found: dict[tuple[tuple[int, int], str], dict[str, tuple[Board, Row]]] = {}
    for board, name, row in rows:
        found.setdefault((bits_order(row.bits), name), {})[board.gan] = (board, row)
    if not found:
        return
    columns = [board for board in study if any(board.gan in line for line in found.values())]
    yield f"### {title}\n"
    yield "| | " + " | ".join(board.names.title for board in columns) + " |"
    yield "|---" * (1 + len(columns)) + "|"

    def place(item: tuple[tuple[tuple[int, int], str], Mapping[str, tuple[Board, Row]]]) -> tuple[Any, ...]:
        (width, name), line = item  # a mean over other generators is another number
        return width, len(line) < len(columns), _psnr(line), name

    for (_, name), line in sorted(found.items(), key=place):
        cells = (_cell(*line[board.gan]) if board.gan in line else "" for board in columns)
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""


def _psnr(line: Mapping[str, tuple[Board, Row]]) -> float:
    return fmean(row.get("psnr") or 0.0 for _, row in line.values())


def _cell(board: Board, row: Row) -> str:
    whole = board.baseline.get("fid") if board.baseline else None
    if not whole:
        return ""
    delta, span, psnr = row.get("fid_delta"), row.span("fid_delta"), row.get("psnr")
    text = "" if delta is None else f"{100 * delta / whole:+.1f} %"
    if span is not None:
        text += f" ({100 * span[0] / whole:+.1f} to {100 * span[1] / whole:+.1f})"
    if psnr is not None:
        text += f", {BY_KEY['psnr'].text(psnr)} dB"
    return text.removeprefix(", ").replace("-", "\u2212")
