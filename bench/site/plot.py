"""Trade-offs as plots: quality against what it costs, drawn where the pages are built.

Positions are shares of the plot's width and heights in pixels, so that a plot fills any width with
its text at one size, without a script.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from ganqbench.site import format as fmt
from ganqbench.site.axis import Axis, logarithmic, straight, symmetric
from ganqbench.site.board import Board
from ganqbench.site.columns import BY_KEY, Column, half_width
from ganqbench.site.labels import Place, Sheet
from ganqbench.site.pareto import front
from ganqbench.site.row import Row

HEIGHT = 268
COSTS = ("bytes", "bops", "calibration_s", "latency_s")
"""What quality is set against."""
_TITLES = {
    "bytes": ("size", "Packed model, MB (log)"),
    "bops": ("bit operations", "BOPs for one image, G (log)"),
    "calibration_s": ("calibration time", "CPU time to quantize and train, s (log)"),
    "latency_s": ("measured latency", "Latency for one image, ms (log)"),
}


@dataclass(frozen=True)
class Point:
    """A row's mark. Vertical places are in pixels from the top, `x` in percent of the width."""

    row: Row
    x: float
    y: float
    low: float | None
    high: float | None
    text: str
    label: str = ""
    label_at: Place | None = None
    """Where its label stands; None if it has none or no room for it."""


@dataclass(frozen=True)
class Tick:
    """A value beside an axis."""

    place: float
    text: str


@dataclass(frozen=True)
class Segment:
    """A piece of the line along the Pareto front."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Plot:
    """Quality against one cost."""

    cost: str
    title: str
    x_title: str
    y_title: str
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    front: tuple[Segment, ...]
    zero: float | None
    """Where the rows would lie that are as good as FP32."""
    zero_text: str
    zero_at: Place | None
    """Where that line's name stands; None if it has no room."""


def plots(board: Board) -> tuple[Plot, ...]:
    """The plots of a board; one for each cost that at least two rows know."""
    return tuple(plot for cost in COSTS if (plot := _plot(board, cost)) is not None)


def _plot(board: Board, cost: str) -> Plot | None:
    step, column = board.yardstick, BY_KEY[cost]
    known = [
        (price, value, row)
        for row in board.results
        if (price := row.get(cost)) and price > 0 and (value := row.get(step.key)) is not None
    ]
    if len(known) < 2:
        return None
    factor = _factor(cost)
    across = logarithmic((price for price, _, _ in known), lambda tick: _tick_text(tick / factor))
    along = _quality(board, [row for _, _, row in known])
    best = {row.id: row for row in front(board, cost)}
    labels = _labels(board, best)
    points = tuple(
        Point(
            row,
            _x(across, price),
            _y(along, value),
            *_ends(along, row, step),
            f"{row.name}, {row.claim}: {step.title} {step.cell(row.values)} {step.interval(row.values)}, "
            f"{column.title} {column.text(price)}{fmt.SPACE}{column.unit}",
            labels.get(row.id, ""),
        )
        for price, value, row in known
    )
    zero, zero_text = (_y(along, 0.0) if step.paired else None), _zero_text(board, cost)
    line = tuple(_front([point for point in points if point.row.id in best]))
    bars = [(p.x, p.low, p.x, p.high) for p in points if p.low is not None and p.high is not None]
    sheet = Sheet(
        HEIGHT,
        [(point.x, point.y) for point in points],
        [*bars, *((part.x1, part.y1, part.x2, part.y2) for part in line)],
    )
    points = tuple(
        replace(point, label_at=sheet.beside(point.label, point.x, point.y)) if point.label else point
        for point in points
    )
    name, x_title = _TITLES[cost]
    return Plot(
        cost,
        f"Quality vs {name}",
        x_title,
        _y_title(step),
        # Rows of the front last, so that nothing covers them.
        tuple(sorted(points, key=lambda point: (point.row.id in best, point.row.id))),
        tuple(Tick(_x(across, tick), _tick_text(tick / factor)) for tick in across.ticks),
        tuple(Tick(_y(along, tick), _tick_text(tick)) for tick in along.ticks),
        line,
        zero,
        zero_text,
        None if zero is None else sheet.along(zero_text, zero),
    )


def _quality(board: Board, rows: list[Row]) -> Axis:
    step = board.yardstick
    values = [
        value
        for row in rows
        for value in (row.get(step.key), row.get(f"{step.key}_low"), row.get(f"{step.key}_high"))
        if value is not None
    ]
    if step.better == "more":
        return straight(values)
    halves = [half for row in rows if (half := half_width(step.key, row.values))]
    # Straight where the intervals can't tell rows from FP32, logarithmic beyond.
    linear = 10.0 ** math.floor(math.log10(median(halves))) if halves else 0.1
    return symmetric(values, linear)


def _ends(axis: Axis, row: Row, step: Column) -> tuple[float | None, float | None]:
    span = row.span(step.key)
    return (None, None) if span is None else (_y(axis, span[0]), _y(axis, span[1]))


def _labels(board: Board, best: dict[str, Row]) -> dict[str, str]:
    """The first row of the front at each bit-width carries its name; a star says of declared layers."""
    found: dict[str, str] = {}
    for row in board.results:
        if row.id in best and row.bits not in {label.rstrip("*") for label in found.values()}:
            found[row.id] = row.bits + ("*" if row.declared else "")
    return found


def _front(points: list[Point]) -> Iterator[Segment]:
    """A staircase: what the next row costs, the last one's quality is still the best."""
    ordered = sorted(points, key=lambda point: (point.x, -point.y))
    for one, other in pairwise(ordered):
        yield Segment(one.x, one.y, other.x, one.y)
        yield Segment(other.x, one.y, other.x, other.y)


def _zero_text(board: Board, cost: str) -> str:
    price = board.baseline.get(cost) if board.baseline else None
    column = BY_KEY[cost]
    return f"FP32 · {column.text(price)}{fmt.SPACE}{column.unit}" if price else "FP32"


def _y_title(step: Column) -> str:
    if step.paired:
        return "FID increase over FP32 (symlog)"
    return f"{step.title}{f', {step.unit}' if step.unit else ''}"


def _factor(cost: str) -> float:
    return {"bytes": 1e6, "bops": 1e9, "latency_s": 1e-3}.get(cost, 1.0)


def _tick_text(value: float) -> str:
    return f"{value:g}".replace("-", fmt.MINUS) if abs(value) < 1e6 else fmt.significant(value, 3)


def _x(axis: Axis, value: float) -> float:
    return round(100 * axis.place(value), 2)


def _y(axis: Axis, value: float) -> float:
    return round(HEIGHT * (1 - axis.place(value)), 1)
