"""What a board says beside its answers, each sentence with the rows that it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ganqbench.site import format as fmt
from ganqbench.site.board import Board
from ganqbench.site.columns import BY_KEY
from ganqbench.site.names import backend
from ganqbench.site.row import Row
from ganqbench.site.sentence import Part, Sentence, link, table, value_text
from ganqbench.site.timings import fastest

NEAR_PSNR = 1.0
"""How many dB below the best a method may lie and still be offered as the quick one."""

AGAIN = 0.1
"""By what share a speed-up moves when the same graph is timed again; its interval knows one process alone."""


def asides(board: Board) -> tuple[Sentence, ...]:
    """What else a board says: price of bits, quick methods, speed as integers, each backend's first."""
    made = (_price_of_bits, _quick, _speed, _backends, _without_result)
    return tuple(sentence for make in made for sentence in make(board))


def _price_of_bits(board: Board) -> Iterator[Sentence]:
    best = list(board.best().values())
    for wide, narrow in pairwise(best):
        if wide.get("bytes") is None or narrow.get("bytes") is None:
            continue
        change = (narrow.get(board.lead.key) or 0) - (wide.get(board.lead.key) or 0)
        loss = change if board.lead.better == "less" else -change
        if loss <= 0:
            continue
        unit = f"{fmt.SPACE}{board.lead.unit}" if board.lead.unit else f" {board.lead.title}"
        apart = "" if board.surely_better(wide, narrow) else " (intervals overlap)"
        yield (
            Part("From "),
            link(board, wide, wide.bits),
            Part(" to "),
            link(board, narrow, narrow.bits),
            Part(f" the {_first(board)} method loses {fmt.significant(loss, 2)}{unit}{apart}; "),
            Part("the packed model goes from "),
            Part(f"{fmt.size(wide.get('bytes'))} to {fmt.size(narrow.get('bytes'))}", strong=True),
            Part("."),
        )


def _quick(board: Board) -> Iterator[Sentence]:
    for bits, best in board.best().items():
        rows = [row for row in board.results if row.bits == bits and row.get("calibration_s") is not None]
        near = [row for row in rows if _near(board, row, best)]
        if best not in rows or not near:
            continue
        quick = min(near, key=lambda row: (row.get("calibration_s") or 0, row.id))
        spent, saved = best.get("calibration_s") or 0, quick.get("calibration_s") or 0
        if saved > spent / 2:
            continue
        overlap = "" if board.surely_better(best, quick) else " (intervals overlap)"
        yield (
            Part(f"In a hurry at {bits}: "),
            link(board, quick),
            Part(f", with {value_text(board, quick)}{overlap} after {fmt.seconds(saved)} of calibration; "),
            Part(f"the first takes {fmt.seconds(spent)}."),
        )


def _speed(board: Board) -> Iterator[Sentence]:
    """The fastest graph that ran in integers, against the fastest runtime of full precision."""
    timed = [row for row in board.results if row.get("speedup") is not None]
    integer = [row for row in timed if row.get("integer_share")]
    if timed and not integer:
        rows = fmt.plural(len(timed), "row")
        yield (
            table(board, rows),
            Part(f" {'was' if len(timed) == 1 else 'were'} timed as integer graphs; no integer kernel ran."),
        )
    if integer:
        best = min(integer, key=lambda row: (-(row.get("speedup") or 0), row.id))
        latency, ratio = (BY_KEY[key].text(best.get(key)) for key in ("latency_s", "speedup"))
        least = _ratios(best)[0]
        ties = sum(_ratios(row)[1] * (1 + AGAIN) >= least for row in integer) - 1
        overlap = f" (a tie with {fmt.plural(ties, 'other row')})" if ties else ""
        yield (
            Part(f"Of {fmt.plural(len(integer), 'row')} that ran in integer kernels, the fastest is "),
            link(board, best, f"{best.name} at {best.bits}"),
            Part(f", with {latency}{fmt.SPACE}ms for one image{overlap}, "),
            Part(f"{ratio} times as fast", strong=True),
            Part(" as full precision in its fastest runtime."),
        )


def _ratios(row: Row) -> tuple[float, float]:
    """The ends of the intervals of a row's speed-ups."""
    lines = [line.ratio for run in row.runs if (line := fastest(run.record)) and line.ratio]
    return min(line.low for line in lines), max(line.high for line in lines)


def _near(board: Board, row: Row, best: Row) -> bool:
    """Not set apart from the best; by PSNR also what lies close to it."""
    value, aim = row.get(board.lead.key), best.get(board.lead.key)
    if value is None or aim is None:
        return False
    if row.span(board.yardstick.key) and not board.surely_better(best, row):
        return True
    return board.lead.key == "psnr" and value >= aim - NEAR_PSNR


def _backends(board: Board) -> Iterator[Sentence]:
    for bits, best in board.best().items():
        first: dict[str, Row] = {}
        for row in board.results:
            if row.bits == bits:
                first.setdefault(row.adapter, row)
        if len(first) < 2:
            continue
        parts = [Part(f"{_first(board).capitalize()} of each backend at {bits}: ")]
        for place, (adapter, row) in enumerate(first.items()):
            parts.append(Part(f"{', ' if place else ''}{backend(adapter).label} "))
            parts.append(link(board, row, value_text(board, row)))
        rest = [row for row in first.values() if row is not best]
        tied = board.tied(best, rest)
        apart = "" if not tied else f"; {_several(len(tied), len(rest))} overlap with the first's"
        yield (*parts, Part(f"{apart}."))


def _several(tied: int, rest: int) -> str:
    return "all intervals" if tied == rest else f"the intervals of {tied} of the others"


def _first(board: Board) -> str:
    """Where the order is no ranking, the row in front is the first and not the best."""
    return "first" if board.no_rank else "best"


def _without_result(board: Board) -> Iterator[Sentence]:
    failed = sum(row.status == "failed" for row in board.rows)
    skipped = sum(row.status == "skipped" for row in board.rows)
    counts = [f"{count} {word}" for count, word in ((failed, "failed"), (skipped, "unsupported")) if count]
    if counts:
        total = fmt.plural(failed + skipped, "row has", "rows have")
        first = board.without_result()[0]
        yield (
            Part(f"{total} no result ({', '.join(counts)}); "),
            Part("the reasons", f"{board.path}#{first.id}"),
            Part(" stand in the table."),
        )
