"""Numbers and texts as they are read: true minus, thin spaces, units, and nothing that breaks a page."""

from __future__ import annotations

import math
import re

MINUS = "\u2212"
DASH = "\u2014"
NARROW = "\u202f"
"""Narrow no-break space, between thousands."""
SPACE = "\u00a0"
"""No-break space, between a number and its unit."""

# Control characters are not allowed in HTML; bidirectional overrides would reorder their neighbours.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """Untrusted text with everything replaced that is not a printable character."""
    return _UNPRINTABLE.sub("\ufffd", text)


def number(value: float | None, digits: int) -> str:
    """`1 234.50` with a true minus; a dash for a missing value."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{abs(value):,.{digits}f}".replace(",", NARROW)
    negative = value < 0 and any(digit in text for digit in "123456789")
    return f"{MINUS}{text}" if negative else text


def signed(value: float | None, digits: int) -> str:
    """A difference: `+0.03`, `−0.20`, `0.00`."""
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.") else text


def significant(value: float | None, figures: int = 3) -> str:
    """A number with about so many figures and never an exponent: `1 240`, `12.4`, `0.012`."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    return number(value, min(max(figures - 1 - magnitude, 0), 8))


def exact(value: float) -> str:
    """A number that somebody chose, as it was written: `0.002`."""
    return format(value, "g").replace("-", MINUS)


def share(value: float | None) -> str:
    """A share in percent. Rounded down: only the whole is `100 %`."""
    if value is None:
        return DASH
    if value >= 1:
        return f"100{SPACE}%"
    return f"{math.floor(value * 1000) / 10:.1f}{SPACE}%"


def size(count: float | None) -> str:
    """Bytes in a readable unit (decimal: 1 MB is a million bytes)."""
    if count is None:
        return DASH
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor:
            return f"{significant(count / factor)}{SPACE}{unit}"
    return f"{count:.0f}{SPACE}bytes"


def amount(count: float | None, unit: str) -> str:
    """A count of operations: `56.8 GMACs`."""
    if count is None:
        return DASH
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{significant(count / factor)}{SPACE}{prefix}{unit}"
    return f"{count:.0f}{SPACE}{unit}"


def seconds(value: float | None) -> str:
    """A duration: `0.4 s`, `42 s`, `3.2 min`, `1.5 h`."""
    if value is None:
        return DASH
    if value < 99.5:
        return f"{significant(value, 2)}{SPACE}s"
    if value < 5400:
        return f"{number(value / 60, 1)}{SPACE}min"
    return f"{number(value / 3600, 1)}{SPACE}h"


def plural(count: int, noun: str, several: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{number(count, 0)} {noun if count == 1 else several or noun + 's'}"
