"""Sentences computed from the records, each with the rows that it speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ganqbench.site import format as fmt
from ganqbench.site.asides import asides
from ganqbench.site.board import Board, bits_order
from ganqbench.site.columns import BY_KEY, Column
from ganqbench.site.confirmed import Opinion, opinions
from ganqbench.site.judge import MARGIN
from ganqbench.site.row import Row
from ganqbench.site.sentence import Part, Sentence, link, table, value_text


def headlines(board: Board, shown: Iterable[Board]) -> tuple[Sentence, ...]:
    """The answers: the best at each width, the cheapest that holds, what calibration alone gives.

    Among the boards `shown` may be one by which another network confirms or denies what is the best.
    """
    return (*_no_rank(board), *_best(board, opinions(board, shown)), *_cheapest(board), *_free(board))


def findings(board: Board, shown: Iterable[Board]) -> tuple[Sentence, ...]:
    """What a board says among those shown, most important first."""
    return (*headlines(board, shown), *asides(board))


def _best(board: Board, second: Mapping[str, Opinion]) -> Iterator[Sentence]:
    """The first row of each width, and of those with every layer at it where the first has wider ones."""
    for bits, row in board.best().items():
        rows = [other for other in board.results if other.bits == bits]
        yield _first(board, ("Best at ", bits), row, rows, second)
        uniform = [other for other in rows if other.uniform]
        if row.declared and uniform:
            every = f"{bits} in every layer" if board.no_rank else f"every layer at {bits}"
            yield _first(board, ("Best with ", every), uniform[0], uniform, second)


def _first(
    board: Board, words: tuple[str, str], row: Row, among: Sequence[Row], second: Mapping[str, Opinion]
) -> Sentence:
    """The first row among some: its value, what that rests on, its ties, and what another network says."""
    tie = board.tie(row, among)
    return (
        Part(f"{board.first_word} " if board.no_rank else words[0]),
        Part(words[1], strong=True),
        Part(": "),
        link(board, row),
        Part(f", with {board.lead.article} {board.lead.title} of "),
        Part(value_text(board, row), strong=True),
        Part(f"{_details(board, row)}{tie and '; ' + tie}."),
        *_second(second.get(row.id)),
    )


def _second(opinion: Opinion | None) -> Iterator[Part]:
    """What another network says of the row."""
    if opinion is not None:
        row, where = opinion.row, f"{opinion.board.path}#{opinion.row.id}"
        yield Part(" In ")
        yield Part("another network", where)
        yield Part(f": {_against_fp32(opinion.board.yardstick, row, _seeds(row))}.")


def _details(board: Board, row: Row) -> str:
    """Interval, difference to FP32 with its verdict, worst image."""
    span = row.span(board.lead.key)
    text = ""
    if span:
        what = f"95{fmt.SPACE}% interval" if row.seeds_ok == 1 else f"95{fmt.SPACE}% intervals of its seeds"
        text += f" ({what} {board.lead.text(span[0])} to {board.lead.text(span[1])})"
    step = board.yardstick
    if step is not board.lead and row.get(step.key) is not None:
        text += f", {_against_fp32(step, row, _weight(row))}"
    worst = row.get(f"{board.lead.key}_worst")
    if worst is not None:
        text += f", worst image {board.lead.text(worst)}{fmt.SPACE}{board.lead.unit}"
    return text


def _against_fp32(step: Column, row: Row, weight: str) -> str:
    """The difference to FP32, its verdict and what that rests on."""
    text = f"{step.cell(row.values)} {step.interval(row.values)} against FP32".replace("  ", " ")
    return text + (f": {row.judged.verdict.value} ({weight})" if row.judged else "")


def _seeds(row: Row) -> str:
    return "one seed" if row.seeds_ok == 1 else fmt.plural(row.seeds_ok, "seed")


def _weight(row: Row) -> str:
    """What a verdict rests on: how many seeds, and how far the images are from FP32's own."""
    psnr = row.get("psnr")
    near = "" if psnr is None else f", {BY_KEY['psnr'].text(psnr)}{fmt.SPACE}dB from its images"
    return f"{_seeds(row)}{near}"


def _cheapest(board: Board) -> Iterator[Sentence]:
    """The smallest model that is shown to be no worse than FP32; nothing where nobody was judged."""
    if not board.verdicts:
        return
    margin = f"{MARGIN * 100:.0f}{fmt.SPACE}%"
    rows = [row for row in board.results if row.judged and row.judged.holds]
    if not rows:
        yield (
            table(board, "No row"),
            Part(f" is shown to be no worse than FP32 within {margin} of its FID."),
        )
        return
    are = "is" if len(rows) == 1 else "are"
    count = f"{len(rows)} of {fmt.plural(len(board.results), 'row')} {are} no worse"
    sized = {row.id: size for row in rows if (size := row.get("bytes")) is not None}
    if len(sized) < len(rows):
        yield (table(board, count), Part(f" than FP32 within {margin} of its FID."))
        return
    least = min(rows, key=lambda row: sized[row.id])
    smallest = sized[least.id]
    # Sizes differ by a few scales between methods of the same bits: within 1 % they are the same.
    small = [row for row in rows if row.bits == least.bits and sized[row.id] <= 1.01 * smallest]
    shown = sorted(small, key=lambda row: (row.get("calibration_s") or 0, row.id))
    parts = [
        Part("Smallest model "),
        Part(f"no worse than FP32 within {margin}", strong=True),
        Part(f": {fmt.size(smallest)} at "),
        Part(least.bits, strong=True),
        Part(", by "),
    ]
    for place, row in enumerate(shown[:3]):
        spent = f" ({fmt.seconds(row.get('calibration_s'))})" if row.get("calibration_s") is not None else ""
        parts += [Part(", " if place else ""), link(board, row), Part(spent)]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    yield (*parts, Part(f"{more}; {count}."))


def _free(board: Board) -> Iterator[Sentence]:
    """How far down each backend comes by calibration alone; nothing where no row holds at all."""
    first: dict[str, Row] = {}
    holding = [row for row in board.results if row.judged and row.judged.holds]
    for row in sorted(holding, key=lambda row: bits_order(row.bits), reverse=True):
        if row.kind in ("PTQ", "Reconstruction"):
            first.setdefault(row.adapter, row)
    if not holding:
        return
    if not first:
        yield (table(board, "No backend"), Part(" is no worse than FP32 by calibration alone."))
        return
    parts = [Part("By calibration alone no worse than FP32: ")]
    for place, row in enumerate(first.values()):
        parts += [Part(f"{', ' if place else ''}{row.backend.label} down to "), link(board, row, row.bits)]
    yield (*parts, Part("."))


def _no_rank(board: Board) -> Iterator[Sentence]:
    if board.no_rank:
        yield (
            table(board, f"The order by {board.lead.title}"),
            Part(f" is no ranking here ({board.no_rank})."),
        )
