"""The commands that only look."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ganqbench.suite import load_suite


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ganqbench", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("what", "name"), [("gans", "cyclegan-vintagify"), ("suites", "mini"), ("recipes", "distill")]
)
def test_list_names_what_there_is(what: str, name: str) -> None:
    assert name in {row["name"] for row in json.loads(call("list", what, "--json").stdout)}


def test_a_list_for_people_has_a_title_beside_each_name() -> None:
    (line,) = (line for line in call("list", "suites").stdout.splitlines() if line.startswith("mini "))
    assert load_suite("mini").title in line


def test_list_methods_tells_backend_kind_and_reference() -> None:
    rows = json.loads(call("list", "methods", "--json").stdout)
    assert {row["backend"] for row in rows} >= {"fp32", "brevitas", "pytorch_quantization", "torch_ao"}
    for row in rows:
        assert row["kind"] in {"baseline", "ptq", "reconstruction", "qat"}
        assert row["reference"]
        assert row["title"]
        assert set(row["support"]) == {"stylegan2", "sagan", "cyclegan"}
        for state in row["support"].values():
            assert state == "ok" or len(state.split()) >= 5
        assert bool(row["bits"]) == ("ok" in row["support"].values())
        assert isinstance(row["trainable"], bool)
        assert isinstance(row["requirement"], str)
    for backend in ("brevitas", "pytorch_quantization", "torch_ao"):
        assert sum(row["backend"] == backend for row in rows) >= 2


def test_doctor_finds_everything_that_the_suites_need() -> None:
    done = call("doctor")
    assert done.returncode == 0, done.stdout
    assert "missing" not in done.stdout
    assert "brevitas" in done.stdout


def test_an_error_shows_its_traceback_only_when_asked() -> None:
    plain, debug = call("validate", "nowhere"), call("--debug", "validate", "nowhere")
    assert plain.returncode == 1
    assert debug.returncode == 1
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr
