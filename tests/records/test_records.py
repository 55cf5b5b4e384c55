"""Records are strict, canonical and hashed; every fault is explained."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganqbench.records.canonical import canonical, content_hash, sha256
from ganqbench.records.schema import Record
from ganqbench.records.store import InvalidRecord, parse, preview_path, read, seal, write
from ganqbench.records.validate import validate

HASH = "sha256:" + "0" * 64
PREVIEW = b"not really a picture, but these are its bytes"


def document(**changes: Any) -> dict[str, Any]:
    """A valid ok record without its hash."""
    found: dict[str, Any] = {
        "schema": 1,
        "status": "ok",
        "cell": {
            "suite": "mini",
            "suite_version": 1,
            "gan": "some-gan",
            "adapter": "some",
            "method": "ptq",
            "recipe": None,
            "bits": "W4A8",
            "seed": 0,
        },
        "metrics": {"psnr": {"value": 31.5, "low": 30.0, "high": 33.0, "worst": 25.0, "n": 8}},
        "audit": {
            "coverage": 1.0,
            "coverage_undeclared": 1.0,
            "macs": 100,
            "hidden_work": 0,
            "bops": 3200,
            "bytes": 64,
            "ops": [
                {
                    "site": "conv",
                    "kind": "conv",
                    "match": "site",
                    "macs": 100,
                    "weight_levels": 15,
                    "activation_levels": 256,
                    "weight_granularity": "channel",
                    "activation_granularity": "tensor",
                    "static": True,
                    "weights": 64,
                    "scale_groups": 4,
                    "exempt": False,
                    "declared": False,
                }
            ],
        },
        "deploy": None,
        "cost": {"phases": {"load": {"wall_s": 1.5, "cpu_s": 1}}, "peak_memory": 1000},
        "tolerance": {"psnr": 0.1},
        "preview": {"sha256": sha256(PREVIEW), "items": 8, "width": 64, "height": 8},
        "provenance": {
            "key": HASH,
            "numeric_code": HASH,
            "suite": HASH,
            "weights": HASH,
            "protocol": {"resolution": 8, "calibrate": 2, "final": 8, "batch": 2},
            "versions": {"torch": "2.14.1"},
            "commit": None,
            "dirty": None,
            "hardware": {"cpu": "some", "isa": ["avx2"], "cores": 2, "threads": 1, "os": "Linux"},
            "command": "ganqbench run",
            "finished": "2026-01-02T03:04:05Z",
        },
        "reason": None,
    }
    return found | changes


def edited(path: str, value: Any) -> bytes:
    """A record with one value replaced and the hash made right again."""
    found = copy.deepcopy(document())
    *parents, last = path.split(".")
    target = found
    for name in parents:
        target = target[int(name)] if isinstance(target, list) else target[name]
    target[last] = value
    return json.dumps({**found, "hash": content_hash(found)}).encode()


def faults(data: bytes) -> str:
    with pytest.raises(InvalidRecord) as error:
        parse(data, Path("x.json"))
    return "; ".join(error.value.faults)


def test_a_sealed_record_survives_the_disk_bit_for_bit(tmp_path: Path) -> None:
    record = seal(document())
    path = write(record, PREVIEW, tmp_path)
    assert path == tmp_path / "mini-v1/some-gan/some.ptq.W4A8.s0.json"
    assert read(path) == record
    assert preview_path(path).read_bytes() == PREVIEW
    assert path.read_bytes() == canonical(json.loads(path.read_bytes())) + b"\n"
    assert not validate(tmp_path).faults


@given(st.floats(0, 99), st.floats(0, 50), st.floats(0, 50))
def test_any_ordered_interval_round_trips(value: float, below: float, above: float) -> None:
    metric = {"value": value, "low": value - below, "high": value + above, "n": 8, "worst": value}
    record = seal(document(metrics={"psnr": metric}))
    again = parse(canonical(record.model_dump(mode="json", by_alias=True)), Path("x"))
    assert again == record


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("metrics.psnr.value", "31", "metrics.psnr.value"),
        ("metrics.psnr.value", 40, "outside its interval"),
        ("metrics.psnr.worst", 35, "better than the mean"),
        ("metrics.psnr.worst", -1, "impossible"),
        ("metrics.invented", {"value": 1, "low": None, "high": None, "n": 1}, "no such metric"),
        ("cell.bits", "W99A8", "bit-width"),
        ("cell.gan", "../../etc", "cell.gan"),
        ("cell.extra", 1, "cell.extra"),
        ("audit.coverage_undeclared", 0.5, "does not support"),
        ("audit", None, "has an audit"),
        ("status", "failed", "reason"),
        ("reason", "because", "reason"),
        ("preview", None, "preview"),
        ("schema", 99, "schema 99"),
        ("schema", "1", "schema '1'"),
        ("schema", True, "schema True"),
        ("provenance.commit", "main", "commit"),
        ("tolerance.psnr", -1, "tolerance"),
    ],
)
def test_every_broken_rule_is_explained(path: str, value: Any, expected: str) -> None:
    assert expected in faults(edited(path, value))


def test_a_changed_number_is_found_by_its_hash() -> None:
    good = json.loads(edited("metrics.psnr.n", 8))
    good["metrics"]["psnr"]["value"] = 32.0
    assert "hash" in faults(json.dumps(good).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"a": 1}', b"\xff\xfe", b"[" * 100_000])
def test_foreign_and_truncated_files_are_named_as_such(data: bytes) -> None:
    assert faults(data)


def test_nan_and_infinity_are_refused() -> None:
    for number in ("NaN", "Infinity", "1e999"):
        text = json.dumps({**document(), "hash": HASH}).replace("31.5", number)
        assert faults(text.encode())


def test_validate_checks_place_and_image(tmp_path: Path) -> None:
    path = write(seal(document()), PREVIEW, tmp_path)
    moved = path.with_name("other.ptq.W4A8.s0.json")
    moved.write_bytes(path.read_bytes())
    preview_path(moved).write_bytes(PREVIEW)
    preview_path(path).write_bytes(b"another picture")
    found = {fault.path: fault.what for fault in validate(tmp_path).faults}
    assert "belongs at" in found[moved]
    assert "not the one that was recorded" in found[path]
    preview_path(path).unlink()
    assert any("missing" in fault.what for fault in validate(path).faults)


def test_validate_adds_up_the_audit(tmp_path: Path) -> None:
    for change in ({"macs": 99}, {"coverage": 0.97}, {"hidden_work": 50}):
        audit = document()["audit"] | change
        write(seal(document(audit=audit)), PREVIEW, tmp_path)
        assert any("audit" in fault.what for fault in validate(tmp_path).faults)


def test_a_crash_while_writing_leaves_the_old_record_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(seal(document()), PREVIEW, tmp_path)
    before = path.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write(seal(document(tolerance={"psnr": 0.2})), PREVIEW, tmp_path)
    assert path.read_bytes() == before
    assert not list(tmp_path.rglob(".tmp-*"))


def test_the_schema_is_what_a_reader_outside_expects() -> None:
    names = json.loads(canonical(seal(document()).model_dump(mode="json", by_alias=True)))
    assert set(names) >= {
        *("schema", "status", "cell", "metrics", "audit", "deploy", "cost", "provenance", "reason", "hash"),
    }
    assert Record.model_json_schema(by_alias=True)["additionalProperties"] is False
