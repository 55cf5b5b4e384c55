"""The shared scale of a table's inline plots: a dot for the value, a line for its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 104
HEIGHT = 16
_PAD = 7
_LINEAR_BELOW = 0.1
"""Where the symmetric logarithm turns linear, so that 0 and small values have a place."""


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels; symmetric logarithm if `log`, since an FID may span three decades."""

    least: float
    greatest: float
    log: bool

    @classmethod
    def over(cls, values: Iterable[float | None], *, log: bool) -> Scale | None:
        """The scale that covers these values; None if there are none."""
        known = [value for value in values if value is not None]
        return cls(min(known), max(known), log) if known else None

    def x(self, value: float) -> float:
        """Horizontal position of a value."""
        first, last = self._bend(self.least), self._bend(self.greatest)
        part = (self._bend(value) - first) / (last - first) if last > first else 0.5
        return round(_PAD + part * (WIDTH - 2 * _PAD), 1)

    def _bend(self, value: float) -> float:
        if not self.log:
            return value
        return math.copysign(math.log1p(abs(value) / _LINEAR_BELOW), value)
