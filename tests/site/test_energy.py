"""The energy proxy, against sums by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ganqbench.records.schema import Audit
from ganqbench.site.energy import energy


def audit(*ops: dict[str, Any]) -> Audit:
    usual = {"site": "a", "kind": "conv", "match": "site", "static": True, "weights": 1, "scale_groups": 1}
    usual |= {"exempt": False, "declared": False, "weight_granularity": None, "activation_granularity": None}
    whole = {"coverage": 1.0, "coverage_undeclared": 1.0, "macs": 1, "hidden_work": 0, "bops": 1, "bytes": 1}
    return Audit.model_validate({**whole, "ops": tuple({**usual, **op} for op in ops)})


def op(macs: int, weights: int | None, activations: int | None, match: str = "site") -> dict[str, Any]:
    return {"macs": macs, "weight_levels": weights, "activation_levels": activations, "match": match}


@pytest.mark.parametrize(
    ("weights", "activations", "picojoules"),
    [(None, 256, 4.6), (256, None, 4.6), (255, 256, 0.3), (16, 256, 0.2), (9, 200, 0.2), (2, 16, 0.1125)],
)
def test_a_product_costs_what_the_table_says(
    weights: int | None, activations: int | None, picojoules: float
) -> None:
    assert energy(audit(op(1000, weights, activations))) == pytest.approx(1000 * picojoules * 1e-12)


def test_what_is_missing_costs_nothing_and_what_is_beyond_costs_too() -> None:
    found = energy(audit(op(10, 256, 256, "missing"), op(10, None, None, "extra"), op(10, 256, 256)))
    assert found == pytest.approx(49e-12)
