"""Adapters whose declarations mean what they say.

They come from anybody's file, where a slip (a forgotten comma, a version behind a name) is still of the
right type and would leave out layers or every cell, without a word.
"""

from __future__ import annotations

import re

from ganqbench.adapter import SLUG, Adapter, BrokenAdapter, Method, Skip, load_adapter
from ganqbench.cell import Cell

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def declared(name: str) -> Adapter:
    """The adapter of this name, as `load_adapter`; BrokenAdapter for declarations that mislead, too."""
    adapter = load_adapter(name)
    if fault := _fault(adapter):
        raise _broken(name, fault)
    return adapter


def declines(adapter: Adapter, cell: Cell) -> Skip | None:
    """The adapter's own answer; BrokenAdapter for a refusal without a reason."""
    skip = adapter.declines(cell)
    reason: object = None if skip is None else skip.reason
    if skip is not None and not (isinstance(reason, str) and reason.strip()):
        raise _broken(adapter.name, f"its `supports` returned {skip!r}, which gives no reason")
    return skip


def _fault(adapter: Adapter) -> str | None:
    if not SLUG.fullmatch(adapter.name):
        return "its name is not made of lower-case letters, digits, - and _"
    for one in adapter.requires:
        if not _DISTRIBUTION.fullmatch(one):
            return f"its `requires` names distributions alone, without versions, and not {one!r}"
    return next((found for key, method in adapter.methods.items() if (found := _of(key, method))), None)


def _of(key: str, method: Method) -> str | None:
    for what in ("title", "reference"):
        text: object = getattr(method, what)
        if not (isinstance(text, str) and text.strip()):
            return f"the {what} of its method {key!r} is {text!r} and no text"
    exempt: object = method.exempt
    if not isinstance(exempt, tuple) or not all(isinstance(one, str) for one in exempt):
        return f"`exempt` of its method {key!r} is {exempt!r} and no tuple of modules' names"
    return None


def _broken(name: str, fault: str) -> BrokenAdapter:
    return BrokenAdapter(
        f"Adapter {name!r} can't be used: {fault}.", "Mend its file, or uninstall its distribution."
    )
