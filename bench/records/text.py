"""Text of strangers on its way to a terminal."""

from __future__ import annotations

from typing import Any


def printable(text: str) -> str:
    """`text` in one line without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def sentence(fault: Any) -> str:
    """One of pydantic's errors: where, and what is wrong there."""
    where = ".".join(str(part) for part in fault["loc"]) or "the whole"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
