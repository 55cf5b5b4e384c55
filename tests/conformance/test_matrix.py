"""The published table of what works where: as wide as promised, and of the methods that there are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import matrix
import pytest
import torch
import workbench as wb

PUBLISHED = Path(__file__).parents[2] / "docs/method-matrix.json"
BITS = ("W8A8", "W4A8")


@pytest.fixture(scope="module")
def entries() -> list[matrix.Entry]:
    return matrix.read(PUBLISHED)


def test_it_has_every_method_on_every_architecture(entries: list[matrix.Entry]) -> None:
    cases = [case for case in wb.all_cases() if case.adapter in wb.OUR_OWN]
    wanted = {(f"{case.adapter}.{case.method}", case.arch, bits) for case in cases for bits in BITS}
    assert {(entry.method, entry.arch, entry.bits) for entry in entries} == wanted
    assert len(entries) == len(wanted)


def test_it_is_as_wide_as_promised(entries: list[matrix.Entry]) -> None:
    works = {entry.method for entry in entries if entry.status == "ok"}
    assert len({method.partition(".")[0] for method in works}) >= 7
    assert len(works) >= 35
    counts = Counter((entry.arch, entry.bits) for entry in entries if entry.status == "ok")
    for arch in wb.ARCHITECTURES:
        assert counts[arch, "W8A8"] >= 20
        assert counts[arch, "W4A8"] >= 15
    assert not [entry for entry in entries if entry.status == "failed"]


def test_what_it_calls_unsupported_is_declined_for_the_reason_given(entries: list[matrix.Entry]) -> None:
    for entry in entries:
        adapter, _, method = entry.method.partition(".")
        declined = wb.Case(adapter, method, entry.arch).skip(entry.bits)
        if "CUDA" in entry.reason and torch.cuda.is_available():
            continue
        assert (declined.reason if declined else "") == entry.reason, entry
        assert entry.status == ("skipped" if declined else "ok")


def test_its_page_is_made_of_it(entries: list[matrix.Entry]) -> None:
    assert PUBLISHED.with_suffix(".md").read_text() == matrix.markdown(entries)


def test_rows_stay_until_their_method_is_run_again_or_gone() -> None:
    def row(method: str, status: matrix.Status = "ok") -> matrix.Entry:
        return matrix.Entry(method, "sagan", "W8A8", status, "")

    old = [row("a.gone"), row("a.one"), row("b.one")]
    assert matrix.merged(old, [row("b.one", "failed")], {"a.one", "b.one"}) == [
        row("a.one"),
        row("b.one", "failed"),
    ]
