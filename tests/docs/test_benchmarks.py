"""The scripts beside the package still run: at a size that shows nothing but that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from committed import RESULTS, newest

from ganqbench.records.store import read
from ganqbench.suite import load_suite
from ganqbench.zoo.registry import entry


@pytest.mark.usefixtures("one_thread")
def test_the_cost_of_an_evaluation_can_be_measured(script: Callable[[str], ModuleType]) -> None:
    overhead = script("overhead")
    found = overhead.evaluate(2 * overhead.BATCH, overhead.Standin(8, 32))
    assert {"fid", "fid_delta", "psnr"} <= set(found["metrics"])
    assert {"quantize", "audit", "evaluate", "metrics"} <= set(found["phases"])


@pytest.mark.usefixtures("one_thread")
def test_two_ways_to_a_distance_can_be_compared(script: Callable[[str], ModuleType]) -> None:
    found = script("distance").compare(8, 60, 1)
    assert max(found["error"], found["sqrtm_error"]) < 1e-6


def test_a_site_of_no_records_can_not_be_measured(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="no records of quantized generators"):
        script("site_cost").fill(tmp_path, tmp_path / "filled", 300)


def test_figures_of_records_that_do_not_belong_together_are_refused_in_a_sentence(
    script: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, step in (("ablation", "figures"), ("claim", "confirmed")):
        module = script(name)

        def refused(*_: object) -> None:
            raise ValueError("these were measured differently")

        monkeypatch.setattr(module, step, refused)
        with pytest.raises(SystemExit):
            module.main([])
        assert "error: these were measured differently" in capsys.readouterr().err


def test_the_page_of_mixed_precision_is_that_of_its_figures(script: Callable[[str], ModuleType]) -> None:
    docs = Path(__file__).parents[2] / "docs"
    document = json.loads((docs / "mixed-precision.json").read_text(encoding="utf-8"))
    page = script("mixed_precision").page(document)
    assert page == (docs / "mixed-precision.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["sensitivity", "mixed-precision"])
def test_layers_were_measured_on_the_generators_of_the_present_suite(page: str) -> None:
    """Of others the site shows none, and says nothing."""
    document = json.loads((RESULTS.parent / f"docs/{page}.json").read_text(encoding="utf-8"))
    measured = document if page == "sensitivity" else document["gans"]
    assert {one["gan"] for one in measured} <= set(load_suite("mini").protocol)
    for one in measured:
        assert one["suite_version"] == load_suite("mini").version
        assert one["weights"] == f"sha256:{entry(one['gan']).weights_sha256}"


def test_sizes_of_mixed_precision_are_those_of_the_records() -> None:
    """At the budget of all bits it is `ganq.even` without its levelling, which packs to the same bytes."""
    document = json.loads((RESULTS.parent / "docs/mixed-precision.json").read_text(encoding="utf-8"))
    assert len(document["gans"]) == 3
    for gan in document["gans"]:
        (whole,) = newest(gan["suite"]).glob(f"{gan['gan']}/ganq.even.W8A8.s0.json")
        audit = read(whole).audit
        assert audit is not None
        assert gan["curve"][0]["bytes"] == pytest.approx(audit.bytes, rel=0.01)
