"""A suite's methods on a checkpoint of the user's."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from official import checkpoint

from ganqbench.cell import Cell
from ganqbench.errors import UserError
from ganqbench.harness.export_cell import Exported, export_cell
from ganqbench.harness.gans import Gans
from ganqbench.harness.own_suite import own_suite
from ganqbench.records.store import read
from ganqbench.suite import Suite, load_suite
from ganqbench.zoo.custom import CheckpointEntry

CELL = ("--adapter", "torch_ao", "--method", "ptq-histogram", "--bits", "W8A8")


SUITE = """
name = "mine"
version = 0
title = "t"
cpu_hours = 1
time_limit_s = 240
[protocol.{gan}]
resolution = {resolution}
calibrate = 8
final = 8
batch = 4
preview_bytes = 160000
[tolerance]
[[grid]]
gan = "{gan}"
methods = ["torch_ao.ptq-histogram"]
bits = ["W8A8"]
seeds = [0]
"""


def suite_of(folder: Path, gan: str, resolution: int) -> str:
    """The path of a suite of one cell on few images."""
    path = folder / "mine.toml"
    path.write_text(SUITE.format(gan=gan, resolution=resolution))
    return str(path)


def test_arguments_that_no_constructor_takes_are_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, "stylegan2_ada_32_cond")
    for name in ("arch", "state_dict"):
        with pytest.raises(UserError, match=f"takes {name!r}"):
            CheckpointEntry(path, kwargs={name: "x"})


def test_a_checkpoint_runs_and_its_record_says_how(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, small = checkpoint(tmp_path, "stylegan2_ada_32_cond"), suite_of(tmp_path, "stylegan2-cifar10", 32)
    own = ("--checkpoint", str(path), "--suite", small)
    done = command("run", *own, "--arch", "stylegan2-ada", *CELL)
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "results" / "own-v0").rglob("torch_ao.*.json")
    record = read(file)
    assert record.status == "ok"
    assert set(record.metrics) == {"psnr", "ssim", "mae"}
    before = file.read_bytes()
    again = command(*shlex.split(record.provenance.command)[1:], "--dry-run")
    assert again.returncode == 0, again.stderr
    assert "0 cells to run" in again.stdout
    assert file.read_bytes() == before

    made: list[tuple[Cell, Suite, Exported]] = []

    # It takes long, and only what it is asked for differs.
    def once(cell: Cell, suite: Suite, gans: Gans, **options: Any) -> Exported:
        found = made[0][-1] if made else export_cell(cell, suite, gans, **options)
        made.append((cell, suite, found))
        return found

    monkeypatch.setattr("ganqbench.harness.export_cell.export_cell", once)
    model, name = tmp_path / "model.onnx", f"own/{record.cell.gan}/torch_ao.ptq-histogram.W8A8.s0"
    for asked, where in ((str(file), own), (name, own[:2])):
        exported = command("export", asked, *where, "--out", str(model))
        assert exported.returncode == 0, exported.stderr
        assert model.stat().st_size > 1000
        model.unlink()
        exported = command("export", asked, "--out", str(model))
        assert exported.returncode == 1
        assert "Give it with --checkpoint" in exported.stderr
    suites = [own_suite(load_suite(each), CheckpointEntry(path)) for each in (small, "mini")]
    assert [(cell, suite) for cell, suite, _ in made] == [(record.cell, suite) for suite in suites]
    exported = command("export", str(file), *own[:2], "--out", str(model))
    assert exported.returncode == 1
    assert "was measured by another" in exported.stderr
    another = checkpoint(tmp_path, "stylegan2_ada_32")
    exported = command("export", str(file), "--checkpoint", str(another), *own[2:], "--out", str(model))
    assert exported.returncode == 1
    assert "no GAN" in exported.stderr
    assert not model.exists()


def test_a_checkpoint_is_run_like_mini_where_no_suite_is_named(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    path = checkpoint(tmp_path, "stylegan2_ada_32_cond")
    found = command("run", "--checkpoint", str(path), *CELL, "--dry-run").stdout
    assert "own-v0: 2 cells to run (0 of them can't run here)" in found
    assert f"Budget of the whole suite: {load_suite('mini').cpu_hours:g} CPU-hours" in found


def test_it_is_measured_like_the_suites_own_of_its_kind_and_size(tmp_path: Path) -> None:
    suite = load_suite("mini")
    for name, like in (
        ("stylegan2_ada_32_cond", "stylegan2-cifar10"),
        ("sagan_studiogan_32", "sagan-cifar10"),
    ):
        own = CheckpointEntry(checkpoint(tmp_path, name))
        made = own_suite(suite, own)
        assert made.protocol[own.name].final == suite.protocol[like].final
        assert {grid.gan for grid in made.grid} == {own.name}
    cyclegan = CheckpointEntry(checkpoint(tmp_path, "cyclegan_resnet6_32"))
    own_protocol = own_suite(suite, cyclegan).protocol[cyclegan.name]
    # Photographs, as vintagify's, which are few already: only the batch shrinks.
    assert (own_protocol.final, own_protocol.calibrate, own_protocol.batch) == (64, 16, 2)
    with pytest.raises(UserError, match="no studiogan-sagan"):
        own_suite(load_suite("full"), CheckpointEntry(checkpoint(tmp_path, "sagan_studiogan_32")))


@pytest.mark.parametrize(
    ("resolution", "final", "calibrate", "batch"),
    [
        (16, 2048, 256, 64),
        (32, 2048, 256, 64),
        (64, 512, 64, 16),
        (128, 128, 32, 4),
        (256, 64, 32, 2),
        (1024, 64, 32, 2),
    ],
)
def test_larger_images_are_fewer_and_have_more_time(
    tmp_path: Path, resolution: int, final: int, calibrate: int, batch: int
) -> None:
    suite, own = load_suite("mini"), CheckpointEntry(checkpoint(tmp_path, "stylegan2_ada_32"))
    own.resolution = resolution  # all that a suite asks of it, beside its kind
    made = own_suite(suite, own)
    protocol = made.protocol[own.name]
    assert (protocol.final, protocol.calibrate, protocol.batch) == (final, calibrate, batch)
    assert protocol.resolution == resolution
    growth = max(1.0, (resolution / 32) ** 2)
    assert made.time_limit_s == min(suite.time_limit_s * growth, 400_000)
    assert made.cpu_hours == pytest.approx(suite.cpu_hours * growth * final / 2048)


def test_no_count_grows_beyond_the_suites(tmp_path: Path) -> None:
    own = CheckpointEntry(checkpoint(tmp_path, "stylegan2_ada_32"))
    own.resolution = 48
    suite = load_suite("mini")
    for final, calibrate, batch in ((100, 30, 7), (16, 8, 8), (4, 1, 2)):
        counts = {"final": final, "calibrate": calibrate, "batch": batch}
        few = suite.protocol["stylegan2-cifar10"].model_copy(update=counts)
        patient = {"protocol": {"stylegan2-cifar10": few}, "time_limit_s": 10**6}
        made = own_suite(suite.model_copy(update=patient), own)
        protocol = made.protocol[own.name]
        assert 2 * protocol.batch <= protocol.final <= final
        assert 1 <= protocol.calibrate <= calibrate
        assert protocol.batch <= batch
        assert made.time_limit_s == 10**6


def test_an_architecture_without_a_checkpoint_is_a_mistake(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = command("run", "--arch", "stylegan2-ada")
    assert done.returncode == 1
    assert "--checkpoint" in done.stderr


def test_offline_names_what_is_missing(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    suite = suite_of(tmp_path, "cyclegan-horse2zebra", 256)
    done = command("run", "--suite", suite, "--offline")
    assert done.returncode == 1
    assert "offline" in done.stderr
    assert not (tmp_path / "results").exists()
