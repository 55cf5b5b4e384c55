"""What was measured in another way stands in no row; a stray record is to blame, and not the others."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from record_factory import PREVIEW, document

from ganqbench.records.store import seal, write
from ganqbench.records.validate import validate

OTHER = "sha256:" + "1" * 64
IMAGES = {"baseline_images": "sha256:" + "2" * 64}
OTHER_IMAGES = {"baseline_images": OTHER}


def put(results: Path, *, method: str = "ptq", seed: int = 0, space: str = "net@a", **made: Any) -> Path:
    """A record whose provenance is changed by `made`, with a distance in the features of `space`."""
    base = document()
    where = {**copy.deepcopy(base["provenance"]), **made}
    cell = base["cell"] | {"method": method, "seed": seed}
    kid = {"value": 1.0, "low": None, "high": None, "n": 8, "identity": f"kid[{space} pil n=8 ref=1]"}
    return write(
        seal(document(cell=cell, provenance=where, metrics=base["metrics"] | {"kid": kid})), PREVIEW, results
    )


def blamed(results: Path) -> dict[Path, str]:
    return {fault.path: fault.what for fault in validate(results).faults}


def test_one_stray_identity_condemns_itself_alone(tmp_path: Path) -> None:
    stray = put(tmp_path, method="a-first", space="other@b")  # the first in the order of the files
    for name in ("b", "c", "d"):
        put(tmp_path, method=name)
    found = blamed(tmp_path)
    assert set(found) == {stray}
    assert "metrics.kid.identity: kid[other@b" in found[stray]
    assert "but kid[net@a" in found[stray]


def test_on_a_tie_all_sides_are_told(tmp_path: Path) -> None:
    paths = {put(tmp_path, method=name, space=f"{name}@a") for name in ("a", "b")}
    assert set(blamed(tmp_path)) == paths


def test_seeds_of_other_code_or_libraries_are_no_row(tmp_path: Path) -> None:
    for seed in (1, 2):
        put(tmp_path, seed=seed)
    code = put(tmp_path, seed=0, numeric_code=OTHER)
    torch = put(tmp_path, seed=3, versions={"torch": "9.0.0"})
    found = blamed(tmp_path)
    assert set(found) == {code, torch}
    assert f"provenance.numeric_code: {OTHER}" in found[code]
    assert "provenance.versions: torch 9.0.0, but torch 2.14.1 in" in found[torch]


def test_another_row_may_be_of_other_code_and_python_is_no_library(tmp_path: Path) -> None:
    put(tmp_path, versions={"torch": "2.14.1", "python": "3.11.1"})
    put(tmp_path, seed=1, versions={"torch": "2.14.1", "python": "3.12.9"})
    put(tmp_path, method="other", numeric_code=OTHER)
    assert blamed(tmp_path) == {}


def test_a_failed_seed_is_not_averaged_and_may_be_of_other_code(tmp_path: Path) -> None:
    put(tmp_path)
    base = document()
    failed = {
        **{"status": "failed", "metrics": {}, "audit": None, "preview": None, "reason": "it stopped"},
        "cell": base["cell"] | {"seed": 1},
        "provenance": base["provenance"] | {"numeric_code": OTHER},
    }
    write(seal(document(**failed)), None, tmp_path)
    assert blamed(tmp_path) == {}


def test_rows_are_paired_with_the_same_images(tmp_path: Path) -> None:
    for name in ("b", "c"):
        put(tmp_path, method=name, **IMAGES)
    put(tmp_path, method="of-an-old-schema")
    stray = put(tmp_path, method="a", **OTHER_IMAGES)
    found = blamed(tmp_path)
    assert set(found) == {stray}
    assert "provenance.baseline_images" in found[stray]


def test_another_processor_may_round_otherwise(tmp_path: Path) -> None:
    put(tmp_path, **IMAGES)
    other = document()["provenance"]["hardware"] | {"cpu": "another"}
    put(tmp_path, seed=1, hardware=other, **OTHER_IMAGES)
    assert blamed(tmp_path) == {}
