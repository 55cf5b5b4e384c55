"""Suite `standard` has two more seeds of the five methods that lost least under its first seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganqbench.cell import Bits, Cell
from ganqbench.records.validate import validate
from ganqbench.suite import load_suite

SUITE = load_suite("standard")
FOLDER = Path(__file__).parents[2] / "results" / f"{SUITE.name}-v{SUITE.version}"


def row(cell: Cell) -> str:
    return cell.label.rpartition(".W")[0]


@pytest.mark.parametrize("bits", ["W8A8", "W4A8"])
@pytest.mark.parametrize("gan", SUITE.protocol)
def test_the_best_five_have_three_seeds(gan: str, bits: str) -> None:
    width = Bits.parse(bits)
    lost = {
        row(record.cell): record.metrics["fid_delta"].value
        for _, record in validate(FOLDER / gan).records
        if record.status == "ok" and record.cell.bits == width and record.cell.seed == 0
    }
    cells = [cell for cell in SUITE.cells() if cell.gan == gan and cell.bits == width]
    for seed in (1, 2):
        again = {row(cell) for cell in cells if cell.seed == seed}
        assert again == set(sorted(lost, key=lost.__getitem__)[:5])
