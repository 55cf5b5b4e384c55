"""Sizes that are known to be wrong are not shown, and a board says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import site_factory as factory

from ganqbench.site import build
from ganqbench.site.assemble import boards
from ganqbench.site.errata import SIZES, SIZES_MENDED
from ganqbench.site.load import load


def put(results: Path, finished: str, *, exempt: bool) -> None:
    for adapter, method, bits in (("fp32", "baseline", "FP32"), ("brevitas", "ptq-mse", "W4A8")):
        document: dict[str, Any] = factory.document(
            adapter, method, bits, provenance=factory.provenance(finished=finished)
        )
        if exempt:
            document["audit"]["ops"].append(
                document["audit"]["ops"][0] | {"site": "fir", "exempt": True, "weights": 16, "macs": 16}
            )
        factory.put(results, document)


@pytest.mark.parametrize(
    ("finished", "exempt", "shown"),
    [
        ("2026-11-29T19:33:13Z", True, False),
        ("2026-11-29T19:33:13Z", False, True),
        (SIZES_MENDED, True, True),
    ],
)
def test_a_size_of_before_it_was_mended_is_left_out(
    finished: str, exempt: bool, shown: bool, tmp_path: Path
) -> None:
    put(tmp_path / "results", finished, exempt=exempt)
    (board,) = boards(load(tmp_path / "results").runs)
    assert all((row.get("bytes") is not None) == shown for row in board.rows)
    build(tmp_path / "results", tmp_path / "site")
    pages = [path.read_text() for path in (tmp_path / "site/mini-v1").rglob("*.html")]
    assert len(pages) == 3
    assert all((SIZES in page) != shown for page in pages)
