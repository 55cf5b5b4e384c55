"""Records are strict, canonical and hashed; every fault is explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_factory import HASH, PREVIEW, document, edited, faults

from ganqbench.records.canonical import canonical
from ganqbench.records.schema import Record
from ganqbench.records.store import parse, preview_path, put, read, seal, write
from ganqbench.records.validate import validate


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
        ("cell.bits", None, "cell.bits"),
        ("cell.bits", 4, "cell.bits"),
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


@pytest.mark.parametrize("step", ["os.fsync", "os.replace"])
def test_another_file_is_put_whole_or_not_at_all(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "suite.toml", b"old")

    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(step, full_disk)
    with pytest.raises(OSError, match="No space"):
        put(tmp_path / "suite.toml", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"suite.toml": b"old"}


def test_the_schema_is_what_a_reader_outside_expects() -> None:
    names = json.loads(canonical(seal(document()).model_dump(mode="json", by_alias=True)))
    assert set(names) >= {
        *("schema", "status", "cell", "metrics", "audit", "deploy", "cost", "provenance", "reason", "hash"),
    }
    assert Record.model_json_schema(by_alias=True)["additionalProperties"] is False
