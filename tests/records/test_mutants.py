"""Whatever a file holds, `validate` explains it; and what breaks a rule does not pass.

1,000 mutants in the stress session (GANQBENCH_STRESS), a few here.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutate import mutants
from PIL import Image
from record_factory import document

from ganqbench.cell import Cell
from ganqbench.records.canonical import canonical, content_hash, sha256
from ganqbench.records.schema import MIN_COVERAGE
from ganqbench.records.store import preview_path, seal
from ganqbench.records.validate import Report, validate
from ganqbench.site.build import build
from ganqbench.site.load import load

MANY = 1000 if os.environ.get("GANQBENCH_STRESS") else 60
FIGURES = os.environ.get("GANQBENCH_FIGURES")
"""Where the stress session wants to read what was counted."""
DISTANCES = Path(__file__).parent / "corpus/1/distances.json"


def picture() -> bytes:
    """A row of eight images; the site takes no other kind of file."""
    file = io.BytesIO()
    Image.new("RGB", (64, 8), (200, 30, 90)).save(file, "WEBP", lossless=True)
    return file.getvalue()


PICTURE = picture()


def with_picture(found: dict[str, Any]) -> dict[str, Any]:
    found["preview"]["sha256"] = sha256(PICTURE)
    return found


def with_distances() -> dict[str, Any]:
    """A record with every metric, of a suite that nobody published, beside the picture of the tests."""
    found = json.loads(DISTANCES.read_bytes())
    del found["hash"]
    found["cell"]["suite"] = "unknown"
    found["preview"] = document()["preview"]
    return found


ORIGINALS = [
    seal(made).model_dump(mode="json", by_alias=True)
    for made in map(with_picture, (document(), with_distances()))
]


def judge(data: bytes, original: dict[str, Any]) -> Report:
    """What `validate` says of a file in the original's place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Cell.model_validate(original["cell"]).path
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        preview_path(path).write_bytes(PICTURE)
        return validate(Path(folder))


def show(data: bytes, original: dict[str, Any]) -> int:
    """How many records the site shows of a file in the original's place; whatever it holds, it is built."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        path = results / Cell.model_validate(original["cell"]).path
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        preview_path(path).write_bytes(PICTURE)
        if not load(results).runs:
            return 0
        return build(results, Path(folder) / "site").records


@pytest.mark.parametrize("original", ORIGINALS, ids=["pixels", "distances"])
def test_what_the_mutants_are_made_of_passes(original: dict[str, Any]) -> None:
    report = judge(canonical(original), original)
    assert not report.faults
    assert len(report.records) == 1
    assert show(canonical(original), original) == 1


def test_no_mutant_crashes_and_none_passes_that_breaks_a_rule() -> None:
    counted = Counter(mutants=0, passed=0, refused=0)

    @settings(max_examples=MANY, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data(), st.sampled_from(ORIGINALS))
    def judged(draw: st.DataObject, original: dict[str, Any]) -> None:
        data = draw.draw(mutants(original))
        report = judge(data, original)
        assert len(report.records) + bool(report.faults) == 1
        for _, record in report.records:
            check(json.loads(data), record.status)
        assert show(data, original) <= 1
        counted.update({"mutants": 1, "passed": len(report.records), "refused": bool(report.faults)})

    judged()
    assert counted["refused"] > counted["mutants"] / 2
    if FIGURES:
        Path(FIGURES).write_text(json.dumps(counted), encoding="utf-8")


def check(stated: dict[str, Any], status: str) -> None:
    """The rules once more, written down a second time and straight on the JSON."""
    assert stated["hash"] == content_hash(stated)
    assert stated["status"] == status
    assert (status == "ok") == (stated["reason"] is None)
    final = stated["provenance"]["protocol"].get("final")
    for name, metric in stated["metrics"].items():
        low, high = metric["low"], metric["high"]
        assert low is None or low <= metric["value"] <= high
        assert final is None or 1 <= metric["n"] <= final
        if name in ("fid", "qfid", "mae", "perceptual", "density"):
            assert metric["value"] >= 0
        if name in ("precision", "recall", "coverage"):
            assert 0 <= metric["value"] <= 1
    if status == "ok" and stated["cell"]["adapter"] != "fp32":
        assert stated["audit"]["coverage_undeclared"] >= MIN_COVERAGE
    assert canonical(stated)
