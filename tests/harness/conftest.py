from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[1] / "plugins"

SUITE = """
name = "faults"
version = 0
title = "Tiny cells for the harness's own tests"
cpu_hours = 0.1
time_limit_s = {limit}
[protocol.cyclegan-vintagify]
resolution = 32
calibrate = 2
final = 4
batch = 2
preview_bytes = 160000
[tolerance]
psnr = 0.1
[[grid]]
gan = "cyclegan-vintagify"
methods = [{methods}]
bits = ["W8A8"]
seeds = [{seeds}]
"""


@pytest.fixture
def plugin_environment(tmp_path: Path) -> dict[str, str]:
    """Environment in which the faulty adapters are installed and the cache is empty."""
    return {
        **os.environ,
        "PYTHONPATH": str(PLUGINS),
        "GANQBENCH_HOME": str(tmp_path / "home"),
        "FAULTY_MARKS": str(tmp_path / "marks"),
        "GANQBENCH_PASS": "FAULTY_MARKS FAULTY_SLEEP",
    }


@pytest.fixture
def make_suite(tmp_path: Path) -> Callable[..., Path]:
    def make(methods: Sequence[str], seeds: Sequence[int] = (0,), limit: float = 60) -> Path:
        path = tmp_path / "faults.toml"
        quoted = ", ".join(f'"{name}"' for name in methods)
        path.write_text(SUITE.format(methods=quoted, seeds=", ".join(map(str, seeds)), limit=limit))
        return path

    return make


@pytest.fixture
def command(
    tmp_path: Path, plugin_environment: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in an empty folder, with the plugins installed."""

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
