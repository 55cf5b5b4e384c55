from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))

from command_line import run_here

Command = Callable[..., subprocess.CompletedProcess[str]]
PLUGINS = Path(__file__).parents[1] / "plugins"

SUITE = """
name = "faults"
version = 0
title = "Tiny cells for the harness's own tests"
cpu_hours = 0.1
time_limit_s = {limit}
[protocol.cyclegan-edges2emoji]
resolution = 64
calibrate = 2
final = 4
batch = 2
preview_bytes = 48000
[tolerance]
psnr = 0.1
[[grid]]
gan = "cyclegan-edges2emoji"
methods = [{methods}]
bits = ["W8A8"]
seeds = [{seeds}]
"""


def environment(folder: Path) -> dict[str, str]:
    """One in which the faulty adapters are installed and the cache, in `folder`, is empty."""
    return {
        **os.environ,
        "PYTHONPATH": str(PLUGINS),
        "GANQBENCH_HOME": str(folder / "home"),
        "FAULTY_MARKS": str(folder / "marks"),
        "GANQBENCH_PASS": "FAULTY_MARKS FAULTY_SLEEP",
    }


def write_suite(
    folder: Path, methods: Sequence[str], seeds: Sequence[int] = (0,), limit: float = 240
) -> Path:
    """A suite of tiny cells of these methods under these seeds, `limit` seconds each."""
    path = folder / "faults.toml"
    quoted = ", ".join(f'"{name}"' for name in methods)
    path.write_text(SUITE.format(methods=quoted, seeds=", ".join(map(str, seeds)), limit=limit))
    return path


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture
def plugin_environment(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path)


@pytest.fixture
def make_suite(tmp_path: Path) -> Callable[..., Path]:
    return partial(write_suite, tmp_path)


@pytest.fixture
def command(tmp_path: Path, plugin_environment: dict[str, str]) -> Command:
    """Run the command line in an empty folder, with the plugins installed."""
    return partial(run_here, tmp_path, plugin_environment)


@pytest.fixture
def process(tmp_path: Path, plugin_environment: dict[str, str]) -> Command:
    """The same in a process of its own, where what it imports or starts must not stay."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ganqbench", *arguments],
            cwd=tmp_path,
            env=plugin_environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call


@pytest.fixture(scope="session")
def measured_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of an honest and of a failing cell, with the suite beside them; not to be changed."""
    folder = tmp_path_factory.mktemp("measured")
    suite = write_suite(folder, ["faulty.honest", "faulty.raises"])
    done = run_here(folder, environment(folder), "run", "--suite", str(suite), "--results", "sent")
    assert done.returncode == 1, done.stderr
    assert (folder / "sent/faults-v0/suite.toml").read_bytes() == suite.read_bytes()
    return folder / "sent"


@pytest.fixture
def full_precision_there(measured_once: Path, tmp_path: Path) -> None:
    """A run in `tmp_path` finds the record of full precision and its images, and begins with the others."""
    for path in measured_once.rglob("fp32.*"):
        there = tmp_path / "results" / path.relative_to(measured_once)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, there)
    shutil.copytree(measured_once.parent / "home", tmp_path / "home")
