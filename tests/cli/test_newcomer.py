"""The mistakes a newcomer makes: each ends in what is wrong and what to do, and changes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

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
        ("validate nowhere", "no nowhere", "Give a record file"),
        ("validate a-file", "is not JSON", "1 fault."),
        ("validate newer", "has schema 99; this version reads 1 to", "1 fault."),
        ("verify nowhere.json", "no nowhere.json", "Give record files"),
        ("diff nowhere empty", "no nowhere", "Give two folders"),
        ("seeds nowhere", "no folder nowhere", "Give a folder"),
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
