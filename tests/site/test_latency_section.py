"""What the page of a run says of a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganqbench.records.deploy_schema import Deploy
from ganqbench.site.render import environment
from ganqbench.site.timings import timings

SITE = Path(__file__).parents[2] / "site"
SPREAD = {"median": 10.0, "low": 9.0, "high": 11.0}
AGREEMENT = {"psnr": 45.0, "worst": 41.0, "worst_pixel": 9, "n": 16}
INTEGER: dict[str, Any] = {
    "runtime": "openvino",
    "kind": "int8",
    "version": "1",
    "parity": AGREEMENT,
    "change": AGREEMENT | {"psnr": 43.5},
    "latency_ms": SPREAD,
    "cpu_ms": SPREAD | {"median": 9.5},
    "ratio": SPREAD | {"median": 9.75},
    "throughput": {"batch": 8, "items_per_s": SPREAD | {"median": 10.5}, "ratio": SPREAD},
    "integer_share": 0.97,
    "weight_bits": 7,
    "memory": 12_000_000,
    "note": "no integer kernel ran MatMul (3.0% of MACs)",
}
SKIPPED = {"runtime": "ncnn", "kind": "int8", "version": None, "reason": "it reads no <such> graphs"}


class Deployed:
    """As much of a record as the section looks at."""

    def __init__(self, **changes: Any) -> None:
        self.deploy = Deploy.model_validate(
            {
                "key": "sha256:" + "1" * 64,
                "parity_psnr": 45.0,
                "file_bytes": 270,
                "float_bytes": 1000,
                "threads": 1,
                "rounds": 9,
                "others": 0.01,
                "busy": False,
                "saturating": ("openvino",),
                "hardware": {
                    **{"cpu": "some", "isa": ("avx2",), "cores": 2, "threads": 1, "os": "Linux"},
                    "accelerator": None,
                },
                "runtimes": (INTEGER, SKIPPED),
                "reason": None,
                "finished": "2026-01-01T00:00:00Z",
            }
            | changes
        )

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return {"deploy": self.deploy.model_dump(mode="json")}


def section(record: Any) -> str:
    page = '{% import "macros.html.j2" as ui with context %}{% include "latency.html.j2" %}'
    return environment(SITE).from_string(page).render(record=record, timings=timings(record))


@pytest.mark.parametrize(
    "said",
    [
        *("9.75×", "9.50", "10.5", "batch 8", "12.0", '<td class="num">7', "97.0", "45.0"),
        *("no integer kernel ran MatMul", "saturate", "27.0", "it reads no &lt;such&gt; graphs"),
    ],
)
def test_everything_that_was_measured_is_told(said: str) -> None:
    assert said in section(Deployed())


def test_a_busy_machine_is_marked_and_a_quiet_one_is_not() -> None:
    assert "busy machine" not in section(Deployed())
    assert "busy machine" in section(Deployed(busy=True, others=0.8))
    assert "busy machine" in section(Deployed(busy=True, others=None))


def test_a_cell_without_a_graph_says_why() -> None:
    found = section(Deployed(runtimes=(), reason="its range moves", parity_psnr=None, file_bytes=None))
    assert "its range moves" in found
    assert "<table" not in found
