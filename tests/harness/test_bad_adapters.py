"""Adapters that leave something behind, or can't even be loaded."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from installed import install

from ganqbench.records.store import read

Command = Callable[..., subprocess.CompletedProcess[str]]
MakeSuite = Callable[..., Path]
Install = Callable[..., None]


@pytest.fixture
def install_there(plugin_environment: dict[str, str], tmp_path: Path) -> Install:
    """Install an adapter for `command`: `install_there(name, code)`."""
    plugin_environment["PYTHONPATH"] += os.pathsep + str(tmp_path / "installed")
    return partial(install, tmp_path / "installed")


@pytest.mark.usefixtures("full_precision_there")
def test_a_child_that_quantize_forked_does_not_outlive_its_cell(
    make_suite: MakeSuite, command: Command, tmp_path: Path
) -> None:
    done = command("run", "--suite", str(make_suite(["faulty.forks"])))
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results").rglob("faulty.forks.*.json")
    assert read(path).status == "ok"
    child = int((tmp_path / "marks").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.1)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a zombie waits for whoever adopted it, and does nothing
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


HEAD = """
from ganqbench.adapter import Adapter, Method

class Mine(Adapter):
    name, requires, methods = "mine", (), {"ptq": Method("t", "ptq", "r")}

    def quantize(self, generator, calibration, cell):
        return generator

    def supports(self, cell):
        raise LookupError("no table for it")
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("class Mine(\n", "SyntaxError"),
        ("import a_toolkit_that_nobody_has\n", "a_toolkit_that_nobody_has"),
        ("import sys\nsys.exit()\n", "SystemExit"),
        (HEAD, "no table for it"),
    ],
    ids=["syntax", "import", "exit", "supports"],
)
def test_a_file_that_can_not_be_used_is_one_message_and_the_rest_goes_on(
    code: str, expected: str, make_suite: MakeSuite, command: Command, install_there: Install
) -> None:
    install_there("mine", code)
    suite = make_suite(["mine.ptq", "faulty.honest"])
    done = command("run", "--suite", str(suite), "--dry-run")
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Cells left out: 1." in done.stderr
    assert "2 cells to run" in done.stdout  # the baseline is the other


def test_where_nothing_is_left_nothing_is_run(
    make_suite: MakeSuite, command: Command, install_there: Install, tmp_path: Path
) -> None:
    install_there("mine", "class Mine(\n")
    done = command("run", "--suite", str(make_suite(["mine.ptq"])))
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.usefixtures("full_precision_there")
def test_the_others_are_recorded_beside_a_broken_one(
    make_suite: MakeSuite, command: Command, install_there: Install, tmp_path: Path
) -> None:
    install_there("mine", "class Mine(\n")
    done = command("run", "--suite", str(make_suite(["mine.ptq", "faulty.honest"])))
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr
    (path,) = (tmp_path / "results").rglob("faulty.honest.*.json")
    assert read(path).status == "ok"
    assert not list((tmp_path / "results").rglob("mine.*"))


def test_a_name_taken_twice_is_one_message_and_the_rest_goes_on(
    make_suite: MakeSuite, command: Command, install_there: Install
) -> None:
    install_there("faulty", "", distribution="theirs")
    done = command("run", "--suite", str(make_suite(["faulty.honest", "ganq.ptq-mse"])), "--dry-run")
    assert done.returncode == 1
    assert "an adapter named 'faulty'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "ganq.ptq-mse" in done.stdout
