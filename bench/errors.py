"""Errors that a user can act on."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can put right.

    `problem` says in one sentence what is wrong, `remedy` in one what to do; the
    command line prints both without a traceback and exits with 1.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not registered, with the closest valid ones."""
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.4)
    remedy = f"Did you mean {' or '.join(close)}?" if close else f"Valid: {', '.join(names)}."
    return UserError(f"There is no {kind} named {name!r}.", remedy)
