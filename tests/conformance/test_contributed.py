"""`nox -s adapter -- FILE`: a file of anybody's, wherever it lies and whatever pip has made of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import contributed
import pytest

from ganqbench.adapter import BrokenAdapter, load_adapter

CODE = """
from ganqbench.adapter import Adapter, Method

class Theirs(Adapter):
    name = "{name}"
    requires = ()
    methods = {{"ptq": Method("{title}", "ptq", "r")}}

    def quantize(self, generator, calibration, cell):
        return generator
"""


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    for name in ("theirs", "their_other"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def write(
    folder: Path, name: str = "theirs", title: str = "t", code: str = CODE, file: str = "theirs"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file}.py"
    path.write_text(code.format(name=name, title=title))
    return path


def install(folder: Path, metadata: str, name: str = "theirs", value: str = "theirs:Theirs") -> None:
    """What pip leaves of a distribution with this entry point."""
    made = folder / metadata
    made.mkdir(parents=True)
    file = "PKG-INFO" if metadata.endswith("egg-info") else "METADATA"
    (made / file).write_text("Metadata-Version: 2.1\nName: ganqbench-theirs\nVersion: 0.1\n")
    (made / "entry_points.txt").write_text(f"[ganqbench.adapters]\n{name} = {value}\n")


def test_a_file_becomes_an_adapter_here_and_in_what_is_started(tmp_path: Path) -> None:
    name = contributed.register(write(tmp_path / "mine"), tmp_path / "stage")
    assert load_adapter(name).methods["ptq"].title == "t"
    assert {str(tmp_path / "mine"), str(tmp_path / "stage")} <= set(
        os.environ["PYTHONPATH"].split(os.pathsep)
    )


def test_what_pip_left_beside_the_file_is_no_second_adapter(tmp_path: Path) -> None:
    """`pip install .` leaves an egg-info in the file's own folder."""
    file = write(tmp_path / "mine")
    install(tmp_path / "mine", "ganqbench_theirs.egg-info")
    assert load_adapter(contributed.register(file, tmp_path / "stage")).name == "theirs"


def test_the_file_is_tested_and_not_an_installed_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "site", title="old")
    install(tmp_path / "site", "ganqbench_theirs-0.1.dist-info")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    name = contributed.register(write(tmp_path / "mine", title="new"), tmp_path / "stage")
    assert load_adapter(name).methods["ptq"].title == "new"


def test_a_name_that_another_has_is_told(tmp_path: Path) -> None:
    name = contributed.register(write(tmp_path / "mine", name="brevitas"), tmp_path / "stage")
    with pytest.raises(
        BrokenAdapter, match="Two installed distributions register an adapter named 'brevitas'"
    ):
        load_adapter(name)


@pytest.mark.parametrize(
    ("file", "code", "expected"),
    [
        ("their-file", CODE, "rename it to letters"),
        ("theirs", "class Theirs(\n", "can't be read as Python"),
        ("theirs", "pass\n", "has no class with `name = ...`"),
    ],
)
def test_a_file_that_is_no_adapter_is_told(file: str, code: str, expected: str, tmp_path: Path) -> None:
    path = write(tmp_path / "mine", code=code, file=file)
    with pytest.raises(pytest.UsageError, match=expected):
        contributed.register(path, tmp_path / "stage")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(pytest.UsageError, match="can't be read"):
        contributed.register(tmp_path / "gone.py", tmp_path / "stage")
