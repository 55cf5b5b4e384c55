"""How far the totals of an audit may be from its rows, and how much a method may add or declare."""

from __future__ import annotations

import json
from typing import Any

import pytest
from record_factory import document

from ganqbench.cell import Bits
from ganqbench.records.rules import rule_faults
from ganqbench.records.schema import Audit
from ganqbench.records.store import seal

SITE = document()["audit"]["ops"][0]
BITS = Bits(4, 8)


def site(macs: int, **more: Any) -> dict[str, Any]:
    """A product of 4 and 8 bits, so 32 bit operations a multiply-accumulate."""
    return {**SITE, "macs": macs, **more}


def found(*ops: dict[str, Any], beyond: int = 0, hidden_work: int = 0) -> str:
    """The faults of a record with these rows, whose totals are right but for `beyond` bit operations."""
    rows = [{**op, "site": f"conv{number}"} for number, op in enumerate(ops)]
    sites = [op for op in rows if op["match"] != "extra"]
    audit = {**document()["audit"], "ops": rows, "hidden_work": hidden_work}
    audit["macs"] = sum(op["macs"] for op in sites)
    audit["bops"] = 32 * sum(op["macs"] for op in rows) + 32 * 32 * hidden_work + beyond
    shares = Audit.model_validate_json(json.dumps(audit)).recount(BITS)
    audit |= dict(zip(("coverage", "coverage_undeclared"), shares, strict=True))
    return "; ".join(rule_faults(seal(document(audit=audit))))


def test_hidden_work_counts_as_full_precision() -> None:
    """A hundredth of the whole, else the rounding of counts would cover it."""
    assert found(site(10_000_000), hidden_work=100_000) == ""
    assert "audit.bops" in found(site(10_000_000), hidden_work=100_000, beyond=-(32 * 100_000))


@pytest.mark.parametrize("sign", [-1, 1])
def test_bit_operations_may_be_off_by_one_mac_an_operation(sign: int) -> None:
    most = 32 * 32 * 3  # of two operations, and one for the sum
    assert found(site(1000), site(1000), beyond=sign * most) == ""
    assert "audit.bops" in found(site(1000), site(1000), beyond=sign * (most + 1))


def test_half_of_the_work_may_be_declared() -> None:
    assert found(site(1000), site(1004, declared=True)) == ""  # counts are rounded up
    assert "more than half" in found(site(1000), site(1005, declared=True))


def test_a_twentieth_of_the_work_may_be_added() -> None:
    assert found(site(1000), site(52, match="extra")) == ""
    assert "too many" in found(site(1000), site(53, match="extra"))


@pytest.mark.parametrize("operand", ["weight_levels", "activation_levels"])
def test_an_operand_has_a_level_at_least(operand: str) -> None:
    assert found(site(1, **{operand: 1})) == ""
    assert "no levels" in found(site(1, **{operand: 0}))
