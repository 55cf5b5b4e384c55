"""Where words stand in a plot: beside their marks, clear of other marks and of each other.

A plot fills any width, and enlarged it is as high again, so a place has to do at all of them. Horizontal
places are in percent of the width, vertical ones in pixels of the plot's usual height; what a word is
moved by is in pixels always.

Two words never overlap and none is cut off, at whatever width: a word that has no such place is left out.
Its mark still names itself under the pointer, and the table has its number. Marks and lines are covered
where nothing else goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

NARROWEST, WIDEST = 180, 1160
"""The least and the greatest width in pixels that a plot takes: on a small phone, and enlarged."""
STRETCHES = (1, 2)
"""How much higher than usual a plot is drawn: not at all, and enlarged."""
_WIDTHS = (230, 300, 460, 1080)  # on a phone, in three columns, in two, and enlarged
_LETTER, _ASCENT, _DESCENT = 7.2, 10, 4
_MARK, _RIM = 5, 2
_ABOVE = 16  # what a word may stand above the plot
# What a word may rather cover.
_ON_LINE, _ON_MARK = 1, 10

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
    """A rectangle from (x1, y1) to (x2, y2) of the plot, whose sides are moved by pixels."""

    x1: float
    x2: float
    y1: float
    y2: float
    left: float
    right: float
    top: float
    bottom: float

    def across(self, width: float) -> tuple[float, float]:
        """Left and right in pixels, in a plot of this width."""
        return self.x1 * width / 100 + self.left, self.x2 * width / 100 + self.right

    def upright(self, stretch: float) -> tuple[float, float]:
        """Top and bottom in pixels, in a plot of so many times the usual height."""
        return self.y1 * stretch + self.top, self.y2 * stretch + self.bottom

    def hits(self, other: _Box, width: float) -> bool:
        """Whether the two overlap at one width and the usual height."""
        return _meet(self.across(width), other.across(width)) and _meet(self.upright(1), other.upright(1))

    def may_hit(self, other: _Box) -> bool:
        """Whether the two overlap at any width and height.

        Sides move in proportion to the width, so what stands left of another at both ends does so between.
        """
        if not any(_meet(self.upright(stretch), other.upright(stretch)) for stretch in STRETCHES):
            return False
        ends = [(self.across(width), other.across(width)) for width in (NARROWEST, WIDEST)]
        before = all(mine[1] <= theirs[0] for mine, theirs in ends)
        behind = all(theirs[1] <= mine[0] for mine, theirs in ends)
        return not before and not behind

    def may_leave(self, height: float) -> bool:
        """Whether a part of it lies outside the plot at any width and height."""
        for width in (NARROWEST, WIDEST):
            left, right = self.across(width)
            if left < 0 or right > width:
                return True
        for stretch in STRETCHES:
            top, bottom = self.upright(stretch)
            if top < -_ABOVE or bottom > height * stretch:
                return True
        return False


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
        self._marks = [_Box(x, x, y, y, -_MARK, _MARK, -_MARK, _MARK) for x, y in marks]
        self._lines = [
            _Box(min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2), -1, 1, -1, 1) for x1, y1, x2, y2 in lines
        ]
        self._words: list[_Box] = []

    def beside(self, text: str, x: float, y: float) -> Place | None:
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

    def along(self, text: str, y: float) -> Place | None:
        """The best place for the name of the line at height y: below or above it, as near to it as may be."""
        ends: tuple[tuple[float, float, Anchor], ...] = ((0, 4, "start"), (100, -4, "end"), (50, 0, "middle"))
        steps = (14, -5, 28, -19, 42, -33)
        return self._best(
            text,
            [Place(x, y, dx, dy, anchor) for dy in steps for x, dx, anchor in ends],
        )

    def _best(self, text: str, places: Sequence[Place]) -> Place | None:
        free = [place for place in places if self._is_free(_box(place, text))]
        if not free:
            return None
        found = min(free, key=lambda place: self._cost(_box(place, text)))  # the first of equals
        self._words.append(_box(found, text))
        return found

    def _is_free(self, box: _Box) -> bool:
        return not box.may_leave(self._height) and not any(map(box.may_hit, self._words))

    def _cost(self, box: _Box) -> int:
        return sum(
            _ON_MARK * sum(box.hits(mark, width) for mark in self._marks)
            + _ON_LINE * sum(box.hits(line, width) for line in self._lines)
            for width in _WIDTHS
        )


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two stretches of a line overlap."""
    return one[0] < other[1] and other[0] < one[1]


def _box(place: Place, text: str) -> _Box:
    length = _LETTER * len(text)
    left = {"start": 0.0, "middle": -length / 2, "end": -length}[place.anchor] + place.dx
    x, y = place.x, place.y
    return _Box(x, x, y, y, left - _RIM, left + length + _RIM, place.dy - _ASCENT, place.dy + _DESCENT)
