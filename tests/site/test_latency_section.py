"""What the page of a run says of a deployment."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import site_factory as factory

from ganqbench.records.deploy_schema import Deploy
from ganqbench.records.store import seal
from ganqbench.site.errata import MEMORY_MENDED, has_wrong_memory
from ganqbench.site.render import environment
from ganqbench.site.timings import timed

SITE = Path(__file__).parents[2] / "site"
NOTED = factory.INTEGER | {"weight_bits": 7, "note": "no integer kernel ran MatMul (3.0% of MACs)"}


def section(*graphs: dict[str, Any], wrong_memory: bool = False, **more: Any) -> str:
    deploy = Deploy.model_validate_json(json.dumps(factory.deploy(*graphs) | more))
    record: Any = SimpleNamespace(deploy=deploy)  # as much of a record as the section looks at
    page = '{% import "macros.html.j2" as ui with context %}{% include "latency.html.j2" %}'
    shown = {"timed": timed(record), "wrong_memory": wrong_memory}
    return environment(SITE).from_string(page).render(record=record, **shown)


@pytest.mark.parametrize(
    "said",
    [
        *("2.00×", "9.50", "105", "batch 8", "12.0", '<td class="num">7', "87.4", "45.0"),
        *("no integer kernel ran MatMul", "saturate", "27.0", "it reads no &lt;such&gt; graphs"),
    ],
)
def test_everything_that_was_measured_is_told(said: str) -> None:
    assert said in section(NOTED, factory.NO_GRAPH)


def test_a_busy_machine_is_marked_and_a_quiet_one_is_not() -> None:
    assert "busy machine" not in section()
    by_others, unknown = section(busy=True, others=0.8), section(busy=True, others=None)
    assert "busy machine" in by_others
    assert "Something else used the machine meanwhile: 0.8" in by_others
    assert "busy machine" in unknown
    assert "Unknown whether something else used the machine" in unknown


def test_a_cell_without_a_graph_says_why() -> None:
    found = section(runtimes=[], reason="its range moves", parity_psnr=None, file_bytes=None)
    assert "its range moves" in found
    assert "<table" not in found


def test_a_memory_that_is_known_to_be_wrong_is_left_out() -> None:
    assert section().count('<td class="num">12.0') == 2
    assert '<td class="num">12.0' not in section(wrong_memory=True)
    assert "Memory is left out" in section(wrong_memory=True)


@pytest.mark.parametrize(("finished", "wrong"), [("2026-11-30T03:00:00Z", True), (MEMORY_MENDED, False)])
def test_such_a_memory_is_of_before(finished: str, wrong: bool) -> None:
    record = seal(factory.document(deploy=factory.deploy(finished=finished)))
    assert has_wrong_memory(record) is wrong
