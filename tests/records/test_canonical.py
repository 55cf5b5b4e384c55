"""The canonical form is that of the reference implementation, refusals included."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ganqbench.records.canonical import canonical

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**54), 2**54)
    | st.floats()
    | st.sampled_from([5.0, -0.0, 1e-7, 1e16, 1e21, 2**53 - 1, 2**53, "\x7f", "\u2028", "\ud800", '"\\/\b'])
    | st.text(max_size=8)
)
DOCUMENTS = st.dictionaries(
    st.text(max_size=4) | st.sampled_from(["\uffff", "\U0001f600", "a", "B"]),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner)
    ),
    max_size=6,
)


@given(DOCUMENTS)
def test_it_is_what_rfc8785_gives(document: dict[str, Any]) -> None:
    try:
        expected = rfc8785.dumps(document)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011  whatever it says, callers name the file
            canonical(document)
    else:
        assert canonical(document) == expected


@pytest.mark.parametrize("value", [{1: 2}, {"a": {None: 1}}, {"a": object()}, {"a": b"x"}, {"a": {1, 2}}])
def test_what_is_no_json_is_refused(value: dict[Any, Any]) -> None:
    with pytest.raises(ValueError, match="not representable"):
        canonical(value)
