"""A record that takes another's place: at no instant is neither there, where the image stays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from deploy_parts import part
from record_factory import HASH, PREVIEW, document

from ganqbench.harness.deploy_part import with_deploy, write_deploy
from ganqbench.harness.ledger import Ledger
from ganqbench.records.canonical import sha256
from ganqbench.records.store import preview_path, read, seal, write
from ganqbench.records.validate import validate


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("step", range(6))
def test_a_kill_while_a_deploy_part_is_written_leaves_a_valid_record(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    path = write(seal(document()), PREVIEW, results)
    before = read(path)
    deployed = with_deploy(before, part(), HASH)
    left = step

    def killing(call: Any) -> Any:
        def wrapped(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return call(*arguments, **more)

        return wrapped

    for name in ("replace", "unlink", "fsync"):
        monkeypatch.setattr(os, name, killing(getattr(os, name)))
    monkeypatch.setattr(Path, "unlink", killing(Path.unlink))
    try:
        write_deploy(deployed, path)
    except Killed:
        pass
    else:
        assert step == 5
    monkeypatch.undo()
    assert read(path) == (before if step < 2 else deployed)
    assert not validate(results).faults
    assert len(validate(results).records) == 1


def test_another_image_never_lies_beside_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = b"another picture"
    path = write(seal(document()), PREVIEW, tmp_path)
    replace, pairs = os.replace, []

    def watched(source: Path, target: Path) -> None:
        replace(source, target)
        pairs.append((path.exists(), preview_path(path).read_bytes()))

    monkeypatch.setattr(os, "replace", watched)
    write(seal(document(preview=document()["preview"] | {"sha256": sha256(other)})), other, tmp_path)
    assert pairs == [(False, other), (True, other)]
    assert not validate(tmp_path).faults


def test_an_image_that_is_a_link_is_replaced(tmp_path: Path) -> None:
    path = write(seal(document()), PREVIEW, tmp_path / "results")
    elsewhere = tmp_path / "elsewhere"
    preview_path(path).rename(elsewhere)
    preview_path(path).symlink_to(elsewhere)
    write(seal(document()), PREVIEW, tmp_path / "results")
    assert not preview_path(path).is_symlink()
    assert not validate(tmp_path / "results").faults


def test_a_preview_that_is_not_the_records_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the one that the record names"):
        write(seal(document()), b"another picture", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("own", [True, False])
def test_a_deployed_record_is_own_where_it_was_own_before(own: bool, home: Path, tmp_path: Path) -> None:
    record, ledger = seal(document()), Ledger(home)
    if own:
        ledger.add(record)
    path = write(record, PREVIEW, tmp_path / "results")
    write_deploy(with_deploy(record, part(), HASH), path)
    assert read(path).deploy is not None
    assert (read(path).hash in ledger.hashes()) is own
