"""Adapters that leave something behind, or can't even be loaded."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganqbench.records.store import read

Command = Callable[..., subprocess.CompletedProcess[str]]
MakeSuite = Callable[..., Path]


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


@pytest.mark.parametrize(
    ("code", "expected"),
    [("class Mine(\n", "SyntaxError"), ("import a_toolkit_that_nobody_has\n", "a_toolkit_that_nobody_has")],
)
def test_a_file_that_can_not_be_loaded_is_one_message(
    code: str,
    expected: str,
    make_suite: MakeSuite,
    command: Command,
    plugin_environment: dict[str, str],
    tmp_path: Path,
) -> None:
    _install(tmp_path, "mine", code, plugin_environment)
    done = command("run", "--suite", str(make_suite(["mine.ptq"])))
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()
    # Whoever does without it is not bothered.
    assert command("run", "--suite", str(make_suite(["faulty.honest"])), "--dry-run").returncode == 0


def test_a_name_taken_twice_is_one_message(
    make_suite: MakeSuite, command: Command, plugin_environment: dict[str, str], tmp_path: Path
) -> None:
    _install(tmp_path, "faulty", "", plugin_environment, distribution="theirs")
    done = command("run", "--suite", str(make_suite(["faulty.honest"])), "--dry-run")
    assert done.returncode == 1
    assert "an adapter named 'faulty'" in done.stderr
    assert "Traceback" not in done.stderr


def _install(
    folder: Path, name: str, code: str, environment: dict[str, str], distribution: str | None = None
) -> None:
    distribution = distribution or name
    place = folder / "installed"
    metadata = place / f"{distribution}-1.dist-info"
    metadata.mkdir(parents=True)
    (place / f"{distribution}_file.py").write_text(code)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[ganqbench.adapters]\n{name} = {distribution}_file:Mine\n")
    environment["PYTHONPATH"] += os.pathsep + str(place)
