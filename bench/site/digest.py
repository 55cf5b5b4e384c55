"""The boards' findings as a page of Markdown: python -m ganqbench.site.digest RESULTS PAGE."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from ganqbench.site import format as fmt
from ganqbench.site import names
from ganqbench.site.assemble import FOLDER, published
from ganqbench.site.board import Board
from ganqbench.site.columns import BY_KEY, Column
from ganqbench.site.findings import findings
from ganqbench.site.ingredients import ingredients
from ganqbench.site.row import Row
from ganqbench.site.suites import newest

OWN = "ganq"
"""The adapter whose rows stand beside the best of all others."""
OURS = 8
"""How many of its rows a table shows at a bit-width; the board has all."""
_COLUMNS = ("fid_delta", "psnr", "calibration_s")

_INTRODUCTION = """# Findings

The tables and what is said of each board are computed from the committed records by `python -m
ganqbench.site.digest results docs/findings.md`; a test compares. The list that follows and the one under
*What each ingredient does* are conclusions, drawn by hand from suites `study` 1, `few` 1, `claim` 2 and
`confirm` 2. A difference to FP32 is paired (the same inputs), in the network that judges the board. In
brackets is its 95 % interval; over several seeds, what the intervals of all of them span.

From the cheapest to the dearest, what works is:

1. **Evening out, then range setting.** At W8A8: ranges of least squared error per output channel, after
   input channels (SmoothQuant) and images have been brought to one size (`ganq.even`; `ganq.smooth` is
   without the second). What convolutions read differs from image to image as much as from channel to
   channel; one factor per image, put back behind the convolution, keeps rare images from being clipped
   and the others from a coarse grid. Where instance norms do that already it changes little.
2. **Rounding with compensation.** At W4A8 rounding decides: GPTQ's order and compensation, with the
   full-precision layer on its own inputs as the target, in seconds and without a gradient
   (`ganq.even-gptq`).
3. **Wider ends.** The first and last layers at 8 bits (`ganq.even-gptq-ends8`): they are small, and
   what goes wrong in them reaches every pixel. That brings the images nearer to full precision's;
   their distance to the data need not follow. The boards name those layers in the row.
4. **Fine-tuning towards itself.** Distillation with learned steps, from there
   (`ganq.qat-even-gptq-ends8+distill`): four hundred steps at W4A8 for SAGAN, sixteen hundred
   (`+distill-long`) for StyleGAN2. For CycleGAN of emoji it brings the images nearer to full precision's,
   not their distance to the data. On the full-size CycleGAN a hundred steps came no nearer than their
   start (suite `claim` 1).

What is only calibrated may have the distance of full precision in one network and not in another, and with
one seed and not with the next. Training narrows that gap and doesn't always close it: [the claim](claim.md)
has the seeds, the third network, and the targets beside what was reached.
"""


def digest(shown: Iterable[Board]) -> str:
    """The page: what each ingredient does, and what the newest boards say, ours beside the best other."""
    every = list(shown)
    ranked = [board for board in newest(every) if board.suite not in names.BESIDE]
    return "\n".join(
        [_INTRODUCTION, ingredients(every), *("\n".join(_section(board, every)) for board in ranked)]
    )


def _section(board: Board, shown: Iterable[Board]) -> Iterator[str]:
    yield f"## {board.names.title} in suite {board.suite_name}\n"
    for sentence in findings(board, shown):
        yield "- " + "".join(f"**{p.text}**" if p.strong else p.text for p in sentence).replace(
            fmt.SPACE, " "
        )
    yield ""
    columns = [BY_KEY[key] for key in _COLUMNS if any(row.get(key) is not None for row in board.results)]
    yield "| bits | method | " + " | ".join(_heading(column) for column in columns) + " |"
    yield "|---" * (2 + len(columns)) + "|"
    for row in _contest(board):
        values = (_cell(row, column.key) for column in columns)
        yield f"| {row.claim} | {row.name} | " + " | ".join(values) + " |"
    yield ""


def _contest(board: Board) -> Iterator[Row]:
    """At each bit-width the best of our rows, in order, and the best that is another's."""
    for bits in board.best():
        rows = [row for row in board.results if row.bits == bits]
        other = next((row for row in rows if row.adapter != OWN), None)
        ours = [row for row in rows if row.adapter == OWN][:OURS]
        yield from (row for row in rows if row in ours or row is other)


def _heading(column: Column) -> str:
    return f"{column.title}, {column.unit}" if column.unit else column.title


def _cell(row: Row, key: str) -> str:
    column, value, span = BY_KEY[key], row.get(key), row.span(key)
    if value is None:
        return ""
    text = column.text(value)
    if span is not None and key == "fid_delta":
        text += f" ({column.text(span[0])} to {column.text(span[1])})"
    return text.replace(fmt.SPACE, " ")


@click.command()
@click.argument("results", type=FOLDER)
@click.argument("page", type=click.Path(dir_okay=False, path_type=Path))
def main(results: Path, page: Path) -> None:
    """Write the findings of the records in RESULTS to PAGE."""
    page.write_text(digest(published(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
