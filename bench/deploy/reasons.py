"""Why something can't be deployed here, as a part of the result rather than its end."""

from __future__ import annotations


class Unavailable(Exception):
    """A runtime, operator or device is not to be had; the message says which, for people."""


def first_line(error: BaseException) -> str:
    """The first line of an error of somebody else's, at most 300 characters."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
