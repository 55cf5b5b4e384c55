"""Layers that a method declares and keeps at another width: said in the row and wherever it counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import site_factory as factory
from site_reader import Reader, dead_links, read_site

from ganqbench.records.schema import Audit
from ganqbench.site import build
from ganqbench.site.assemble import boards
from ganqbench.site.declared import declared
from ganqbench.site.findings import findings
from ganqbench.site.load import load
from ganqbench.site.plot import plots

BOARD = Path("mini-v1", factory.GAN, "index.html")
ENDS = "ganq.smooth-gptq-ends8.W4A8"
SHORT = "1 layer at W8A8"


def fill(results: Path) -> None:
    """The small board, and at W4A8 a better row with a layer at W8A8."""
    factory.small_board(results)
    audit = factory.declared_audit("W4A8")
    factory.put(results, factory.document("ganq", "smooth-gptq-ends8", "W4A8", psnr=35.0, audit=audit))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    fill(tmp_path / "results")
    assert build(tmp_path / "results", tmp_path / "site").faults == ()
    return tmp_path / "site"


def audit_of(bits: str, ops: list[dict[str, Any]]) -> Audit:
    whole = factory.audit(bits)
    whole["ops"] = tuple({**whole["ops"][0], "declared": True, **op} for op in ops)
    return Audit.model_validate({**whole, "macs": 4 * 10**9})


def test_what_is_declared_is_named_with_its_measured_widths() -> None:
    ops = [
        {"site": "first", "weight_levels": 255, "activation_levels": 2},
        {"site": "last", "weight_levels": 17, "activation_levels": None},
    ]
    found = declared(audit_of("W4A8", ops), "W4A8")
    assert found is not None
    assert found.sites == (("first", "W8A1"), ("last", "W5A32"))
    assert found.short == "2 layers at W8A32"
    assert found.text.replace("\u00a0", " ") == (
        "Declared exempt from W4A8: first W8A1, last W5A32; 50.0 % of the MACs"
    )


def test_many_layers_are_counted_and_not_all_named() -> None:
    found = declared(audit_of("W4A8", [{"site": f"layer.{place}"} for place in range(40)]), "W4A8")
    assert found is not None
    assert found.short == "40 layers at W4A8"
    assert "layer.11" in found.text
    assert "layer.12" not in found.text
    assert "and 28 more" in found.text


def test_nothing_declared_nothing_said(small: tuple[Path, Path]) -> None:
    assert declared(None, "W4A8") is None
    assert declared(Audit.model_validate_json(json.dumps(factory.audit("W4A8"))), "W4A8") is None
    page = (small[1] / BOARD).read_text()
    assert "declared" not in page
    assert 'data-facet="layers"' not in page


def test_the_row_says_it_and_names_the_layers(site: Path) -> None:
    page = (site / BOARD).read_text()
    (row,) = [part for part in page.split("<tr ") if part.startswith(f'id="{ENDS}"')]
    method = row.split("</th>")[0]
    assert SHORT in method
    assert "Declared exempt from W4A8: model.0 W8A8; 33.3\u00a0% of the MACs." in method
    assert 'data-layers="declared"' in row
    assert page.count('data-layers="uniform"') == 6  # FP32 and what gave no result claim nothing
    assert 'data-facet="layers" data-value="declared"' in page


def test_wherever_the_row_stands_it_is_said(site: Path) -> None:
    pages = read_site(site)
    assert dead_links(site, pages) == []
    assert [fault for page in pages.values() for fault in page.faults] == []
    text = pages[BOARD].text
    for words in (
        f"ganq (ours) {SHORT} . Declared",  # the best figures
        f"W4A8, {SHORT} · 35.00 dB",  # what the comparison offers
        f"Best W4A8, {SHORT}:",  # the strips below it
    ):
        assert words in text, words
    (slug,) = [place for place in pages if place.name == "ganq.smooth-gptq-ends8.html"]
    assert SHORT in pages[slug].text
    run = Reader(site / BOARD.parent / "ganq.smooth-gptq-ends8.W4A8.s0.html").text
    assert f"without the {SHORT} that the method declares" in run
    assert "some layers declared : CycleGAN 1 layer at W8A8" in pages[Path("methods/index.html")].text


def test_the_tables_count_it(site: Path) -> None:
    rows = {row["method"]: row for row in json.loads((site / "data/rows.json").read_text())}
    ends, other = rows["smooth-gptq-ends8"], rows["ptq-mse"]
    assert (ends["declared_layers"], other["declared_layers"]) == (1, 0)
    assert (ends["coverage_of_macs"], ends["coverage_undeclared"]) == (pytest.approx(2 / 3), 1)


def test_a_finding_says_it_and_what_holds_in_every_layer(tmp_path: Path) -> None:
    fill(tmp_path)
    (board,) = boards(load(tmp_path).runs)
    said = ["".join(part.text for part in sentence) for sentence in findings(board, [])]
    (best,) = [text for text in said if text.startswith("Best at W4A8: ")]
    assert f"with {SHORT}, with a PSNR of 35.00" in best
    (every,) = [text for text in said if text.startswith("Best with every layer at W4A8: ")]
    assert "torch.ao FX" in every
    assert "31.00" in every
    assert not any(text.startswith("Best with every layer at W8A8") for text in said)


def test_a_plot_says_it(tmp_path: Path) -> None:
    fill(tmp_path)
    (board,) = boards(load(tmp_path).runs)
    for plot in plots(board):
        texts = {point.row.id: point.text for point in plot.points}
        assert f"W4A8, {SHORT}:" in texts[ENDS]
    labels = {point.row.id: point.label for point in plots(board)[0].points if point.label}
    assert labels[ENDS] == "W4A8*"
    assert labels["brevitas.ptq-mse.W8A8"] == "W8A8"
