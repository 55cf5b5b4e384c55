"""Records of older schemas, brought to the present one while they are read.

A published record never changes on disk: its hash is that of the file as it was written. A change
of the schema raises `SCHEMA`, adds the step from the version before, and puts a record of that
version into `tests/records/corpus`, which must load for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SCHEMA = 2

Document = dict[str, Any]


def upgrade(document: Document) -> Document:
    """A document of the present schema that says what `document` says; that is left as it is.

    Raises ValueError for a version that this one can't read, or a document too broken to carry over.
    """
    version = document.get("schema")
    if type(version) is not int or not 1 <= version <= SCHEMA:
        raise ValueError(f"has schema {version!r}; this version reads 1 to {SCHEMA}")
    while version < SCHEMA:
        try:
            document = STEPS[version](document)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"has schema {version} but not its form ({error!r})") from error
        version += 1
    return document


def _from_1(old: Document) -> Document:
    """2 says how often a cell was tried, and on which accelerator it ran. Before, that was once and none."""
    attempts = 0 if old["status"] == "skipped" else 1
    provenance = old["provenance"]
    return {
        **old,
        "schema": 2,
        "cost": {**old["cost"], "attempts": attempts},
        "provenance": {**provenance, "hardware": {**provenance["hardware"], "accelerator": None}},
    }


STEPS: Mapping[int, Callable[[Document], Document]] = {1: _from_1}
"""Version -> what makes a document of the next one."""
