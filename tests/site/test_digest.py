"""The tables of the findings' page: the best of our rows beside the best of all others."""

from __future__ import annotations

from pathlib import Path

import site_factory as factory

from ganqbench.site.assemble import boards
from ganqbench.site.digest import OURS, digest
from ganqbench.site.load import load

SPACE = "[net@abc pil n=96 ref=123]"


def put(results: Path, adapter: str, method: str, bits: str, distance: float) -> None:
    metrics = {"fid": factory.metric(distance, 0.01, identity=f"fid{SPACE}")}
    cell = {"suite": "standard", "suite_version": 1}
    factory.put(results, factory.document(adapter, method, bits, metrics=metrics, cell=cell))


def rows(results: Path, bits: str) -> list[str]:
    """The methods in the table at this bit-width, in its order."""
    lines = digest(boards(load(results).runs)).splitlines()
    return [line.split("|")[2] for line in lines if line.startswith(f"| {bits} |")]


def test_a_table_has_the_best_of_ours_and_the_best_other(tmp_path: Path) -> None:
    put(tmp_path, "fp32", "baseline", "FP32", 0.5)
    for place in range(OURS + 2):
        put(tmp_path, "ganq", f"own-{place}", "W8A8", 0.6 + 0.1 * place)
    put(tmp_path, "brevitas", "better", "W8A8", 5.0)
    put(tmp_path, "brevitas", "worse", "W8A8", 6.0)
    shown = rows(tmp_path, "W8A8")
    assert [name for name in shown if "own-" in name] == [
        next(name for name in shown if f"own-{place}" in name) for place in range(OURS)
    ]
    assert "better" in shown[-1]
    assert len(shown) == OURS + 1


def test_each_bit_width_has_its_own_limit(tmp_path: Path) -> None:
    put(tmp_path, "fp32", "baseline", "FP32", 0.5)
    for bits in ("W8A8", "W4A8"):
        for place in range(OURS + 1):
            put(tmp_path, "ganq", f"own-{place}", bits, 0.6 + 0.1 * place)
    assert len(rows(tmp_path, "W8A8")) == len(rows(tmp_path, "W4A8")) == OURS
