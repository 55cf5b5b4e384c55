"""What is deployed is the module that was recorded, and what a backend raises ends its own cell alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from installed import install

from ganqbench.cli.cells import named_cell
from ganqbench.cli.deploy import deploy
from ganqbench.cli.export import export
from ganqbench.errors import UserError
from ganqbench.harness import deployment, prepared
from ganqbench.harness.deploy_part import check_picture
from ganqbench.harness.gans import ZOO
from ganqbench.harness.prepared import prepare
from ganqbench.records.schema import Record

Command = Callable[..., subprocess.CompletedProcess[str]]

DRAWING = """
import os
import numpy as np
import torch
from ganqbench.adapter import Adapter, Method
from faulty import honest

def entropy():
    return int.from_bytes(os.urandom(4))

class Mine(Adapter):
    name, requires = "drawing", ()
    methods = {name: Method(name, "ptq", "tests") for name in ("globally", "anew")}

    def quantize(self, generator, calibration, cell):
        if cell.method == "anew":
            torch.manual_seed(entropy())
        for weight in generator.parameters():
            weight.data *= 1 + 0.3 * torch.rand(()) + 0.3 * np.random.rand()
        return honest(generator, calibration, cell)
"""


@pytest.fixture
def drawing(
    tmp_path: Path, plugin_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Installs an adapter that takes its random numbers from elsewhere than the cell's seed."""
    folder = tmp_path / "drawing"
    install(folder, "drawing", DRAWING)
    plugins = plugin_environment["PYTHONPATH"]
    plugin_environment["PYTHONPATH"] = f"{folder}:{plugins}"
    for name in (plugins, str(folder)):
        monkeypatch.syspath_prepend(name)
    monkeypatch.setenv("GANQBENCH_HOME", plugin_environment["GANQBENCH_HOME"])
    return plugin_environment


def recorded(results: Path, name: str) -> Path:
    (path,) = results.rglob(f"{name}.*.json")
    return path


def made_here(path: Path) -> tuple[prepared.Prepared, Record]:
    """The generator of a record's cell after whatever else this process drew; its picture is checked."""
    named = named_cell(str(path), ZOO)
    assert named.record is not None
    torch.manual_seed(1234)
    np.random.seed(1234)  # noqa: NPY002
    before = _global_state()
    found = prepare(named.cell, named.suite, ZOO)
    check_picture(found, named.suite, named.record, path)
    assert _global_state() == before
    return found, named.record


def _global_state() -> tuple[int, bytes, str]:
    numbers = np.random.get_state()  # noqa: NPY002
    return torch.get_num_threads(), torch.get_rng_state().numpy().tobytes(), repr(numbers)


@pytest.mark.usefixtures("drawing", "full_precision_there")
def test_the_global_generators_start_as_in_the_cells_process(
    make_suite: Callable[..., Path], command: Command, tmp_path: Path
) -> None:
    done = command("run", "--suite", str(make_suite(["drawing.globally", "drawing.anew"])))
    assert done.returncode == 0, done.stderr
    made_here(recorded(tmp_path / "results", "drawing.globally"))
    with pytest.raises(UserError, match="gives other images than the recorded one"):
        made_here(recorded(tmp_path / "results", "drawing.anew"))


def test_an_exception_of_the_backend_names_the_cell(
    measured_once: Path, plugin_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(plugin_environment["PYTHONPATH"])
    named = named_cell(str(recorded(measured_once, "faulty.honest")), ZOO)
    cell = named.cell.model_copy(update={"method": "raises"})
    with pytest.raises(UserError) as told:
        prepare(cell, named.suite, ZOO)
    assert told.value.problem == f"{cell} failed with RuntimeError: the backend <b>broke</b>."
    assert isinstance(told.value.__cause__, RuntimeError)
    out = tmp_path / "m.onnx"
    done = CliRunner().invoke(export, [str(recorded(measured_once, "faulty.raises")), "--out", str(out)])
    assert "is failed: RuntimeError during quantize: the backend" in str(done.exception)
    assert not out.exists()


def test_a_module_that_breaks_while_it_is_deployed_leaves_the_other_cells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = [f"mini/sagan-cifar10/ganq.ptq-mse.{bits}.s0" for bits in ("W8A8", "W4A8")]

    def breaking(*_: object) -> None:
        raise IndexError("no such layer\nand a long trace")

    monkeypatch.setattr(prepared, "prepare", lambda *_: None)
    monkeypatch.setattr(deployment, "deploy", breaking)
    done = CliRunner().invoke(deploy, cells)
    assert done.exit_code == 1
    assert done.exception is None or isinstance(done.exception, SystemExit)
    for bits in ("W8A8", "W4A8"):
        assert f"{bits}.s0 failed with IndexError: no such layer.\n" in done.output
