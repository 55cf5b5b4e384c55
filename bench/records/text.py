"""Text of strangers on its way to a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` in one line without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)
