"""Where words stand in a plot: beside their marks, clear of other marks and of each other.

A plot fills any width, so a place is judged at several. Horizontal places are in percent of the width,
everything else in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

WIDTHS = (230, 300, 460, 1080)
"""Widths in pixels that a plot takes on a phone, in three columns, in two, and enlarged."""
_LETTER, _ASCENT, _DESCENT = 7.2, 10, 4
_MARK, _RIM = 5, 2
# What a word may rather cover than stand on another word, or be cut off.
_ON_LINE, _ON_MARK, _ON_WORD, _CUT_OFF = 1, 10, 100, 1000

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Place:
    """Where a word is anchored: `x` percent and `y` pixels, moved by `dx` and `dy` pixels."""

    x: float
    y: float
    dx: float
    dy: float
    anchor: Anchor


@dataclass(frozen=True)
class _Box:
    """A rectangle; `x1` and `x2` percent come on top of the pixels of left and right."""

    x1: float
    x2: float
    left: float
    right: float
    top: float
    bottom: float

    def ends(self, width: int) -> tuple[float, float]:
        """Left and right in pixels, in a plot of this width."""
        return self.x1 * width / 100 + self.left, self.x2 * width / 100 + self.right

    def hits(self, other: _Box, width: int) -> bool:
        mine, theirs = self.ends(width), other.ends(width)
        beside = mine[0] >= theirs[1] or theirs[0] >= mine[1]
        return not beside and self.top < other.bottom and other.top < self.bottom

    def leaves(self, width: int, height: float) -> bool:
        left, right = self.ends(width)
        return left < 0 or right > width or self.top < -16 or self.bottom > height


class Sheet:
    """The marks and lines of one plot, and the words that were placed so far.

    A mark is where its middle lies, a line (upright or level) is `(x1, y1, x2, y2)`.
    """

    def __init__(
        self,
        height: float,
        marks: Iterable[tuple[float, float]],
        lines: Iterable[tuple[float, float, float, float]] = (),
    ) -> None:
        self._height = height
        self._marks = [_Box(x, x, -_MARK, _MARK, y - _MARK, y + _MARK) for x, y in marks]
        self._lines = [
            _Box(min(x1, x2), max(x1, x2), -1, 1, min(y1, y2) - 1, max(y1, y2) + 1)
            for x1, y1, x2, y2 in lines
        ]
        self._words: list[_Box] = []

    def beside(self, text: str, x: float, y: float) -> Place:
        """The best place for the name of the mark at (x, y): right, left, above or below it."""
        return self._best(
            text,
            [
                Place(x, y, 9, 4, "start"),
                Place(x, y, -9, 4, "end"),
                Place(x, y, 7, -11, "start"),
                Place(x, y, -7, -11, "end"),
                Place(x, y, 7, 20, "start"),
                Place(x, y, -7, 20, "end"),
                Place(x, y, 0, -11, "middle"),
                Place(x, y, 0, 20, "middle"),
            ],
        )

    def along(self, text: str, y: float) -> Place:
        """The best place for the name of the line at height y: below or above it, as near to it as may be."""
        ends: tuple[tuple[float, float, Anchor], ...] = ((0, 4, "start"), (100, -4, "end"), (50, 0, "middle"))
        steps = (14, -5, 28, -19, 42, -33)
        return self._best(
            text,
            [Place(x, y, dx, dy, anchor) for dy in steps for x, dx, anchor in ends],
        )

    def _best(self, text: str, places: Sequence[Place]) -> Place:
        found = min(places, key=lambda place: self._cost(_box(place, text)))  # the first of equals
        self._words.append(_box(found, text))
        return found

    def _cost(self, box: _Box) -> int:
        return sum(
            _CUT_OFF * box.leaves(width, self._height)
            + _ON_WORD * sum(box.hits(word, width) for word in self._words)
            + _ON_MARK * sum(box.hits(mark, width) for mark in self._marks)
            + _ON_LINE * sum(box.hits(line, width) for line in self._lines)
            for width in WIDTHS
        )


def _box(place: Place, text: str) -> _Box:
    length = _LETTER * len(text)
    left = {"start": 0.0, "middle": -length / 2, "end": -length}[place.anchor] + place.dx
    base = place.y + place.dy
    return _Box(place.x, place.x, left - _RIM, left + length + _RIM, base - _ASCENT, base + _DESCENT)
