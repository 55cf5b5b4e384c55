"""The skeleton: written where it belongs, and passing conformance as it is."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from ganqbench.cli.new_adapter import TABLE, new_adapter

ROOT = Path(__file__).parents[2]


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "ganqbench", "new-adapter", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_in_a_checkout_it_is_registered(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "adapters").mkdir()
    done = call(tmp_path, "my_backend")
    assert done.returncode == 0, done.stderr
    assert "nox -s adapter -- my_backend" in done.stdout
    assert (tmp_path / "adapters/my_backend.py").is_file()
    points = tomllib.loads(project.read_text())["project"]["entry-points"]["ganqbench.adapters"]
    assert points["my_backend"] == "ganqbench.adapters.my_backend:MyBackend"
    before = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert {**points, **before["ganqbench.adapters"]} == points
    again = call(tmp_path, "my_backend")
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert project.read_text().count("my_backend =") == 1


@pytest.mark.slow
def test_it_passes_conformance_and_style_as_it_is(tmp_path: Path) -> None:
    done = call(tmp_path, "my_backend", "--out", "mine")
    assert done.returncode == 0, done.stderr
    file = tmp_path / "mine/my_backend.py"
    assert len(file.read_text().splitlines()) <= 56
    tomllib.loads((tmp_path / "mine/pyproject.toml").read_text())
    for command in (["check"], ["format", "--check"]):
        style = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), str(file)]
        checked = subprocess.run(style, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
    # All of conformance takes a minute; these are the claims themselves.
    matrix = tmp_path / "matrix.json"
    conformance = [
        *(sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance"),
        *("--adapter", str(file), "-k", "claimed_bits or described or listing", "--matrix", str(matrix)),
    ]
    tested = subprocess.run(
        conformance,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert "passed" in tested.stdout
    statuses = [row["status"] for row in json.loads(matrix.read_text())]
    assert statuses == ["ok"] * 6  # three architectures at two widths


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["My-Backend"], "lower-case"),
        (["../evil"], "lower-case"),
        (["class"], "a word of Python's"),
        (["brevitas"], "already"),
        (["my_backend"], "not a checkout"),
        (["none"], "a word of Python's"),
        (["skip"], "its class Skip would hide an import"),
        (["ends_"], "can't be an adapter's name"),
        (["torch", "--out", "new"], "would hide it"),
    ],
)
def test_impossible_names_and_places_write_nothing(
    arguments: list[str], expected: str, tmp_path: Path
) -> None:
    done = call(tmp_path, *arguments)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = call(tmp_path, "my_backend", "--out", "file/below")
    assert done.returncode == 1
    assert "can't be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_checkout_is_left_as_it_was_where_its_project_file_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "adapters").mkdir()
    project = tmp_path / "pyproject.toml"
    project.write_text(TABLE)

    def full_disk(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(new_adapter, ["my_backend"])
    assert "pyproject.toml can't be written: No space left on device." in str(done.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapters", "pyproject.toml"]
    assert list((tmp_path / "adapters").iterdir()) == []
    assert project.read_text() == TABLE


def test_the_command_that_is_printed_can_be_pasted(tmp_path: Path) -> None:
    done = call(tmp_path, "my_backend", "--out", "a b")
    assert f"nox -s adapter -- '{tmp_path / 'a b' / 'my_backend.py'}'" in done.stdout
