"""Records with something wrong in them."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

from ganqbench.records.canonical import canonical, content_hash

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=30)
    | st.sampled_from(
        ["../../../etc/passwd", "<script>", "\u202e", "\x1b[2J", "a" * 5000, "W0A0", -1, 2**53]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(document: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of all values in a document, the document itself aside."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(document, dict):
        items = list(document.items())
    elif isinstance(document, list):
        items = list(enumerate(document))
    found = []
    for name, value in items:
        found += [(*path, name), *places(value, (*path, name))]
    return found


@st.composite
def mutants(draw: st.DrawFn, original: dict[str, Any]) -> bytes:
    """The bytes of a record after one to three changes, often with its hash made right again."""
    document = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(places(document)))
        target: Any = document
        for name in where[:-1]:
            target = target[name]
        match draw(st.sampled_from(["replace", "remove", "add", "nudge"])):
            case "remove":
                del target[where[-1]]
            case "add" if isinstance(target, dict):
                target[draw(st.text(max_size=12))] = draw(JUNK)
            case "nudge" if isinstance(target[where[-1]], int | float):
                target[where[-1]] = target[where[-1]] * draw(st.sampled_from([-1, 0, 1.5, 1e9, 1e308]))
            case _:
                target[where[-1]] = draw(JUNK)
    if draw(st.booleans()):
        try:
            document["hash"] = content_hash(document)
            return canonical(document)
        except ValueError:
            pass
    data = json.dumps(document).encode()
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(data)))
        data = data[:cut] + draw(st.binary(max_size=8)) + data[cut + draw(st.integers(0, 8)) :]
    return data
