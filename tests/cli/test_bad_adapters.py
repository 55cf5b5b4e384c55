"""A contributor's file that is wrong ends as one clear message, and the other adapters go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """
from ganqbench.adapter import Adapter, Method

class Mine(Adapter):
    name = "mine"
    requires = ()
    methods = {"ptq": Method("t", "ptq", "r")}

    def quantize(self, generator, calibration, cell):
        return generator
"""
BAD = {
    "syntax error": (GOOD.replace("requires = ()", "requires = ("), "SyntaxError line"),
    "missing dependency": ("import a_toolkit_that_nobody_has\n" + GOOD, "a_toolkit_that_nobody_has"),
    "no such class": (GOOD.replace("class Mine", "class Other"), "Mine"),
    "no quantize": (GOOD.replace("def quantize", "def quantise"), "abstract method"),
    "another name": (GOOD.replace('name = "mine"', 'name = "yours"'), "not an Adapter of that name"),
    "raises": (GOOD + "\nraise RuntimeError('at import')\n", "at import"),
    "exits": ("raise SystemExit(0)\n" + GOOD, "SystemExit"),
    "one distribution, not a tuple": (GOOD.replace("requires = ()", "requires = 'torch'"), "`requires`"),
    "methods in a list": (GOOD.replace('{"ptq": Method("t", "ptq", "r")}', '["ptq"]'), "`methods`"),
    "a method's name": (GOOD.replace('"ptq": M', '"../P tq": M'), "'../P tq'"),
    "no method": (GOOD.replace('Method("t", "ptq", "r")', '{"kind": "ptq"}'), "not a Method"),
    "another kind": (GOOD.replace('"t", "ptq", "r"', '"t", "magic", "r"'), "known kind"),
    "supports raises": (GOOD + "\n    def supports(self, cell):\n        return self.nothing\n", "nothing"),
    "supports answers": (GOOD + "\n    def supports(self, cell):\n        return False\n", "False"),
    "no adapter": ("class Mine:\n    name = 'mine'\n", "not an Adapter of that name"),
}
Install = Callable[..., dict[str, str]]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Put a file where an installed distribution would be; returns the environment to see it in."""

    def put(code: str, distribution: str = "mine", name: str = "mine") -> dict[str, str]:
        (tmp_path / f"{distribution}_file.py").write_text(code)
        metadata = tmp_path / f"{distribution}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
        point = f"[ganqbench.adapters]\n{name} = {distribution}_file:Mine\n"
        (metadata / "entry_points.txt").write_text(point)
        return {**os.environ, "PYTHONPATH": str(tmp_path)}

    return put


def call(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "ganqbench", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_good_one_is_listed(install: Install) -> None:
    done = call(install(GOOD), "list", "methods")
    assert done.returncode == 0, done.stderr
    assert "mine.ptq" in done.stdout


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_one_is_named_and_the_others_are_listed(fault: str, install: Install) -> None:
    code, expected = BAD[fault]
    done = call(install(code), "list", "methods", "--json")
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    names = {row["name"] for row in json.loads(done.stdout)}
    assert "brevitas.ptq-mse" in names
    assert "mine.ptq" not in names


def test_doctor_goes_on_and_says_which(install: Install) -> None:
    done = call(install(BAD["syntax error"][0]), "doctor")
    assert done.returncode == 1
    assert "mine" in done.stdout
    assert "broken" in done.stdout
    assert "brevitas" in done.stdout
    assert "Traceback" not in done.stderr


def test_two_distributions_of_one_name_are_an_error(install: Install) -> None:
    install(GOOD)
    done = call(install(GOOD, "theirs"), "list", "methods")
    assert done.returncode == 1
    assert "Two installed distributions register an adapter named 'mine'" in done.stderr
    assert "brevitas.ptq-mse" in done.stdout
    assert "mine.ptq" not in done.stdout
    assert "Traceback" not in done.stderr


def test_a_name_that_the_package_has_is_an_error(install: Install) -> None:
    done = call(install(GOOD, "theirs", "brevitas"), "list", "methods")
    assert done.returncode == 1
    assert "'brevitas'" in done.stderr
    assert "ganq.ptq-mse" in done.stdout
    assert "Traceback" not in done.stderr
