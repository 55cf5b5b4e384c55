"""The mistakes a newcomer makes: each ends in what is wrong and what to do, and changes nothing."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from committed import newest

from ganqbench.adapter import Skip
from ganqbench.cli.main import main
from ganqbench.harness.calibration_room import too_many_seeds
from ganqbench.suite import Suite, load_suite

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command in an empty folder: `say("run", "--suite", "minni")` -> status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ganqbench", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr()
        return int(exit_.value.code or 0), said.out, said.err

    return run


@pytest.mark.parametrize(
    ("words", "problem", "remedy"),
    [
        ("runn", "no command named 'runn'", "mean run"),
        ("run --suite minni", "no suite named 'minni'", "mean mini"),
        ("run --gan stylegan3", "'stylegan3'", "stylegan2-cifar10"),
        ("run --adapter brevita", "no adapter named 'brevita'", "brevitas"),
        ("run --method gptqq", "'gptqq'", "gptq"),
        ("run --recipe destill", "'destill'", "distill"),
        ("run --bits W3A8", "'W3A8'", "W4A8"),
        ("run --bits 4", "'4' is not a bit-width", "W4A8"),
        ("run --bits W99A8", "write W<bits>A<bits>, for example W4A8, or FP32.", "W4A8"),
        ("run --seed 7", "'7'", "0"),
        ("run --gan sagan-cifar10 --adapter torch_ao --method gptq", "No cell", "--dry-run"),
        ("run --checkpoint gone.pkl", "'gone.pkl' does not exist", "--help"),
        ("run --arch stylegan2-ada --dry-run", "--arch", "--checkpoint"),
        ("run --scheduler tcp://there:1 --dry-run", "Dask", "--executor dask"),
        ("plan --suite foo", "no suite named 'foo'", "mini"),
        ("site", "no folder results", "--suite mini"),
        ("site --results nowhere", "no folder nowhere", "--results"),
        ("site --results empty --out a-file", "is a file", "--help"),
        ("site --results empty --out a-file/below", "can't be written to", "--out"),
        ("site --results empty --out full", "not a site", "--out"),
        ("site --results empty --out empty/site", "in one another", "--out"),
        ("site --results empty --matrix a-file", "not a matrix", "nox -s matrix"),
        ("site --results empty --sensitivity a-file", "no sensitivities", "benchmarks/sensitivity.py"),
        ("site --results empty --matrix nowhere.json", "no nowhere.json", "--matrix"),
        ("site --results empty --docs nowhere", "no nowhere", "--docs"),
        ("plan --workers 99999999999999999999", "--workers", "--help"),
        ("reference build --dataset emoji --seed -1", "--seed", "--help"),
        ("reference build --dataset emoji --out empty", "is a directory", "--help"),
        ("validate nowhere", "no nowhere", "Give a record file"),
        ("validate a-file", "is not JSON", "1 fault."),
        ("validate newer", "has schema 99; this version reads 1 to", "1 fault."),
        ("verify nowhere.json", "no nowhere.json", "Give record files"),
        ("diff nowhere empty", "no nowhere", "Give two folders"),
        ("seeds nowhere", "no nowhere", "Give a folder"),
    ],
)
def test_a_mistake_is_explained(say: Say, tmp_path: Path, words: str, problem: str, remedy: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").write_text("years of work")
    (tmp_path / "a-file").write_text("hello")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer/record.json").write_text('{"schema": 99}')
    before = sorted(tmp_path.rglob("*"))
    status, out, err = say(*words.split())
    assert status in (1, 2)
    assert problem in err
    assert remedy in out + err
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


SUITE = """
name = "mine"
version = 0
title = "Mine"
cpu_hours = 1
time_limit_s = 60
[protocol.sagan-cifar10]
resolution = 32
calibrate = 8
final = 8
batch = 4
preview_bytes = 48000
[tolerance]
psnr = 0.2
[[grid]]
gan = "sagan-cifar10"
methods = ["brevitas.ptq-minmax"]
bits = ["W8A8"]
seeds = [0]
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('gan = "sagan-cifar10"', 'gan = "stylegan2-cifar10"', "no [protocol.stylegan2-cifar10]"),
        ("brevitas.ptq-minmax", "brevitas", "'brevitas' is no adapter.method"),
        ("seeds = [0]", "seeds = [-1]", "seed: Input should be greater than or equal to 0"),
        ("seeds = [0]", "seeds = [4294967296]", "seed: Input should be less than"),
        ("version = 0", "version = 99999999999999999999", "version: "),
        ("psnr = 0.2", "psnr = -1", "tolerance.psnr: Input should be greater than 0"),
        ("psnr = 0.2", "psnr = inf", "tolerance.psnr: "),
        ("psnr = 0.2", "pnsr = 0.2", "tolerance.pnsr: no such metric"),
        ('name = "mine"', 'name = "own"', "calls itself 'own'"),
        ('name = "mine"', 'name = "mini"', "calls itself 'mini'"),
        ("cpu_hours = 1", "", "cpu_hours: Field required"),
        ("[tolerance]", "[tolerance", "is not a suite"),
    ],
)
def test_a_mistake_in_a_suites_file_is_told_before_anything_runs(
    say: Say, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in SUITE
    (tmp_path / "mine.toml").write_text(SUITE.replace(old, new))
    for command in ("run", "plan"):
        status, _, err = say(command, "--suite", "mine.toml")
        assert status == 1
        assert problem in err
        assert "pydantic" not in err
        assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_what_a_stranger_calls_a_metric_is_no_command_to_the_terminal(say: Say, tmp_path: Path) -> None:
    document = json.loads(min(newest("mini").glob("*/ganq.*.json")).read_text())
    document["metrics"]["\x1b[2J\x1b]0;owned\x07"] = document["metrics"]["psnr"]
    (tmp_path / "record.json").write_text(json.dumps(document))
    status, _, err = say("validate", "record.json")
    assert status == 1
    assert "owned" in err
    assert "\x1b" not in err


@pytest.mark.parametrize("command", ["validate", "verify", "seeds"])
def test_a_folder_that_can_not_be_read_does_not_count_as_empty(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    locked = tmp_path / "results" / "locked"
    locked.mkdir(parents=True)
    scan = os.scandir

    def refusing(path: Any = ".") -> Any:
        if Path(path) == Path("results/locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    status, _, err = say(command, "results")
    assert status == 1
    assert "Error: results/locked: Permission denied." in err


def test_who_has_no_home_is_told_what_to_set(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("GANQBENCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    status, _, err = say("doctor")
    assert status == 1
    assert "Set GANQBENCH_HOME" in err


def test_seeds_tells_what_it_left_out(say: Say, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/half.json").write_text('{"schema":')
    status, _, err = say("seeds", "results")
    assert status == 0
    assert "left out: results/half.json: is not JSON" in err


def with_seeds(count: int, calibrate: int) -> Suite:
    """Suite mini on the emoji alone, under so many seeds."""
    suite = load_suite("mini")
    protocol = suite.protocol["cyclegan-edges2emoji"].model_copy(update={"calibrate": calibrate})
    grid = suite.grid[0].model_copy(update={"gan": "cyclegan-edges2emoji", "seeds": tuple(range(count))})
    return suite.model_copy(update={"protocol": {"cyclegan-edges2emoji": protocol}, "grid": (grid,)})


@pytest.mark.parametrize(("seeds", "calibrate", "lost"), [(4, 64, 0), (5, 64, 1), (2, 256, 1), (1, 257, 1)])
def test_seeds_beyond_the_calibration_items_are_foretold(seeds: int, calibrate: int, lost: int) -> None:
    suite = with_seeds(seeds, calibrate)
    per_seed = (len(suite.cells()) - 1) // seeds
    protocol = suite.protocol["cyclegan-edges2emoji"]
    planned: list[Any] = [SimpleNamespace(cell=cell, protocol=protocol, skip=None) for cell in suite.cells()]
    said = list(too_many_seeds(planned))
    assert len(said) == (1 if lost else 0)
    if lost:
        assert f"{lost * per_seed} cells of seed {seeds - lost} or more would fail" in said[0]
        assert "256 calibration items" in said[0]


def test_cells_that_are_declined_lose_nothing() -> None:
    suite = with_seeds(5, 64)
    protocol = suite.protocol["cyclegan-edges2emoji"]
    planned: list[Any] = [
        SimpleNamespace(cell=cell, protocol=protocol, skip=None if cell.seed < 4 else Skip("declined"))
        for cell in suite.cells()
    ]
    assert list(too_many_seeds(planned)) == []


def test_latents_never_run_out() -> None:
    suite = load_suite("mini")
    cell = next(cell for cell in suite.cells() if cell.gan == "sagan-cifar10" and not cell.is_baseline)
    late = cell.model_copy(update={"seed": 10**6})
    planned: list[Any] = [SimpleNamespace(cell=late, protocol=suite.protocol[cell.gan], skip=None)]
    assert list(too_many_seeds(planned)) == []


def test_plan_and_dry_run_say_so(say: Say, tmp_path: Path) -> None:
    lines = [
        'name = "mine"\nversion = 1\ntitle = "Mine"\ncpu_hours = 1\ntime_limit_s = 60',
        "[protocol.cyclegan-edges2emoji]\nresolution = 64\ncalibrate = 64\nfinal = 886\nbatch = 32",
        'preview_bytes = 48000\nextractor = "embedded"\n[tolerance]\npsnr = 0.2',
        '[[grid]]\ngan = "cyclegan-edges2emoji"\nmethods = ["ganq.smooth"]\nbits = ["W8A8"]\nseeds = [0, 4]',
    ]
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    for words in ("plan --suite mine.toml", "run --suite mine.toml --dry-run"):
        status, _, err = say(*words.split())
        assert status == 0
        assert "1 cells of seed 4 or more would fail" in err
    status, out, _ = say("plan", "--suite", "mine.toml", "--json")
    assert len(json.loads(out)["warnings"]) == 1
