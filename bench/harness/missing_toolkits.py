"""What installs a missing toolkit: this package's own words for it, pins included, where it has some."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, requires

PACKAGE = "ganqbench"
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[.*?\])?(?P<pins>[^;]*)(;.*?extra == .(?P<extra>[\w-]+).)?.*")


def pip_install(distributions: Iterable[str]) -> str:
    """The command that installs these: the extra that holds one, else its pins, else its bare name.

    A bare name would take the newest release, which may be one that does not work, or a placeholder.
    """
    words = dict.fromkeys(_words().get(_normal(name), name) for name in distributions)
    return " ".join(
        ["pip install", *(f'"{word}"' if re.search(r"[][<>=]", word) else word for word in words)]
    )


@cache
def _words() -> dict[str, str]:
    """Distribution -> what to tell pip; of several extras the first in pyproject.toml."""
    try:
        lines = requires(PACKAGE) or []
    except PackageNotFoundError:  # read from a folder that was never installed
        return {}
    found: dict[str, str] = {}
    for match in filter(None, map(_REQUIREMENT.fullmatch, lines)):
        extra = match["extra"]
        word = f"{PACKAGE}[{extra}]" if extra else f"{match['name']}{match['pins'].strip()}"
        found.setdefault(_normal(match["name"]), word)
    return found


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
