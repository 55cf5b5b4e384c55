"""Axes of the plots: where a value lies between 0 and 1, and which values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

_ROOM = 0.06
"""Share of an axis that stays free at each end."""
_LETTER, _GAP = 7.0 / 220, 10.0 / 220
"""Shares of a level axis that a letter and the gap between two texts take, on a phone."""
_LINE = 0.08
"""Share of an upright axis that a line of text takes."""
_MOST_TICKS = 7
_STEPS = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 7),
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
)
"""Ticks within a power of ten, from few to many."""


@dataclass(frozen=True)
class Axis:
    """A scale with its ticks; `bend` is what turns a value into a length."""

    bend: Callable[[float], float]
    first: float
    last: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Where the value lies, 0 to 1, held inside."""
        if self.last == self.first:
            return 0.5
        part = (self.bend(value) - self.first) / (self.last - self.first)
        return round(min(max(_ROOM + part * (1 - 2 * _ROOM), 0.0), 1.0), 4)


def logarithmic(values: Iterable[float], text: Callable[[float], str] = "{:g}".format) -> Axis:
    """For positive values: ticks at round numbers, as many as have room; `text` is what is written there."""
    known = list(values)
    low, high = min(known), max(known)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside: list[float] = []
    for steps in _STEPS:
        ticks = [round(step * 10.0**power, 12) for power in powers for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= 3:
            break
    axis = Axis(math.log10, math.log10(low), math.log10(high), ())
    return replace(axis, ticks=tuple(_apart(axis, inside or [low], text)))


def symmetric(values: Iterable[float], linear: float) -> Axis:
    """A logarithm on both sides of 0 and straight within `linear` of it, so that 0 has a place."""
    known = [*values, 0.0]
    low, high = min(known), max(known)

    def bend(value: float) -> float:
        return math.copysign(math.log10(1 + abs(value) / linear), value)

    reach = max(abs(low), abs(high), linear)
    powers = range(round(math.log10(linear)), math.ceil(math.log10(reach)) + 1)
    sizes = [10.0**power for power in powers]
    axis = Axis(bend, bend(low), bend(high), ())
    ticks = [0.0]
    # Powers of ten first; 3 of each where they leave room.
    for size in (*sizes, *(3 * size for size in sizes)):
        for tick in (size, -size):
            if low <= tick <= high and _clear(axis, tick, ticks):
                ticks.append(tick)
    return replace(axis, ticks=tuple(sorted(ticks)))


def straight(values: Iterable[float]) -> Axis:
    """A plain scale with round ticks."""
    known = list(values)
    low, high = min(known), max(known)
    raw = (high - low) / 5 or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw)
    first = math.ceil(low / step)
    ticks = [round(step * place, 12) for place in range(first, first + _MOST_TICKS) if step * place <= high]
    return Axis(lambda value: value, low, high, tuple(ticks or [low]))


def _clear(axis: Axis, tick: float, ticks: list[float]) -> bool:
    """Whether a tick has room beside those that are there."""
    return all(abs(axis.place(tick) - axis.place(other)) >= _LINE for other in ticks)


def _apart(axis: Axis, ticks: list[float], text: Callable[[float], str]) -> list[float]:
    """Those whose texts fit side by side."""
    kept = ticks[:1]
    for tick in ticks[1:]:
        letters = (len(text(kept[-1])) + len(text(tick))) / 2
        if axis.place(tick) - axis.place(kept[-1]) >= letters * _LETTER + _GAP:
            kept.append(tick)
    return kept
