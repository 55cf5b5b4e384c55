"""Numbers that follow from what was found, on reports made by hand: coverage, BOPs, and why a claim fails."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
import torch

from ganqbench.audit.report import AuditReport, Op
from ganqbench.cell import Bits
from ganqbench.records.schema import Audit


def op(site: str, macs: int, levels: tuple[int | None, int | None] = (15, 256), **more: Any) -> Op:
    """A convolution, by default at W4A8."""
    narrow = {"weight_granularity": "channel", "activation_granularity": "tensor", "static": True}
    found: dict[str, Any] = {"match": "site", "weights": 8, "scale_groups": 1, **narrow, **more}
    return Op(site, "conv", macs=macs, weight_levels=levels[0], activation_levels=levels[1], **found)


def report(*ops: Op, hidden: int = 0) -> AuditReport:
    """Of these products and this much hidden work."""
    images = torch.zeros(1, 3, 2, 2)
    return AuditReport(ops, 64, hidden, 1, (), images, images)


MIXED = report(
    op("narrow", 900),
    op("lost", 40, (None, None), match="missing"),
    op("left out", 10_000, (None, None), exempt=True),
    op("added", 20, match="extra"),
    op("added, wide", 10, (255, 256), match="extra"),
    op("added, left out", 10_000, (None, None), match="extra", exempt=True),
    hidden=50,
)


def test_whatever_has_no_width_counts_as_32_bits() -> None:
    assert MIXED.bops() == (900 + 20) * 4 * 8 + 40 * 32 * 32 + 10 * 8 * 8 + 50 * 32 * 32


def test_wide_and_hidden_work_joins_what_is_to_be_covered() -> None:
    assert MIXED.macs == 940
    assert MIXED.coverage(4, 8) == 900 / (940 + 10 + 50)
    assert MIXED.coverage(8, 8) == 900 / (940 + 50)
    assert MIXED.extra_macs == 50


def test_a_record_adds_up_the_same() -> None:
    shares = MIXED.coverage(4, 8), MIXED.coverage(4, 8, declared=False)
    document = {
        **dict(zip(("coverage", "coverage_undeclared"), shares, strict=True)),
        **{"macs": MIXED.macs, "hidden_work": 50, "bops": MIXED.bops(), "bytes": 64},
        "ops": tuple(asdict(each) for each in MIXED.ops),
    }
    assert Audit.model_validate(document).recount(Bits.parse("W4A8")) == shares


def test_what_does_nothing_covers_nothing() -> None:
    numbers = dict.fromkeys(("coverage", "coverage_undeclared", "macs", "hidden_work", "bops", "bytes"), 0)
    assert Audit.model_validate(numbers | {"ops": ()}).recount(Bits.parse("W4A8")) == (0.0, 0.0)
    assert report().coverage(4, 8) == 0.0


@pytest.mark.parametrize(("declared", "holds"), [(100, True), (101, False)])
def test_half_of_the_work_may_be_declared_wider(declared: int, holds: bool) -> None:
    found = report(op("rest", 100), op("ends", declared, (255, 256), declared=True)).failure(4, 8)
    assert found == (None if holds else "The method declares more than half of the model's MACs exempt.")


@pytest.mark.parametrize(("added", "reason"), [(5, None), (6, "does 6.0% more MACs")])
def test_a_twentieth_of_the_work_may_be_added(added: int, reason: str | None) -> None:
    found = report(op("all", 100), op("more", added, match="extra")).failure(4, 8)
    assert found is None if reason is None else reason in (found or "")


def test_the_largest_of_what_misses_the_claim_is_named() -> None:
    lost = op("lost", 300, match="missing")
    found = report(op("narrow", 500), lost, op("wide", 200, (255, 256))).failure(4, 8)
    assert found == "Only 50.0% of the MACs are at W4A8; the largest that is not: lost (missing)."
