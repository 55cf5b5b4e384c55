"""`ganqbench deploy` and `export`: what can't be deployed is said in sentences, and the rest goes on."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from committed import RESULTS, newest

import ganqbench
from ganqbench.cli import deploy as command
from ganqbench.cli.cells import named_cell
from ganqbench.cli.deploy import deploy
from ganqbench.cli.export import export
from ganqbench.cli.verify import verify
from ganqbench.errors import UserError
from ganqbench.harness import deploy_part, export_cell, prepared
from ganqbench.harness.gans import ZOO


@pytest.mark.parametrize("tool", [deploy, export])
@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("missing.json", None, "There is no file"),
        ("folder.json", "", "is no record: is a link or no ordinary file."),
        ("broken.json", "{}", "is no record"),
        ("word", None, "names no cell"),
    ],
)
def test_what_is_no_record_is_told_in_sentences(
    tool: Any, name: str, content: str | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if name == "folder.json":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    done = CliRunner().invoke(tool, [str(path), *(["--out", str(tmp_path / "m")] if tool is export else [])])
    said = done.output if tool is deploy else str(done.exception)
    assert problem in said
    assert "Errno" not in said
    assert done.exit_code == 1
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("mini/sagan-cifar/ganq.ptq-mse.W8A8.s0", "'sagan-cifar'. Did you mean sagan-cifar10"),
        ("mini/sagan-cifar10/ganq.ptq-mze.W8A8.s0", "no method of adapter ganq named 'ptq-mze'"),
        ("mini/sagan-cifar10/ganq.ptq-mse+distil.W8A8.s0", "no recipe named 'distil'"),
        ("mini/sagan-cifar10/onnxruntime.ptq-minmax+distill.W8A8.s0", "quantizers that let gradients"),
        ("mini/cyclegan-edges2emoji/ganq.ptq-minmax+distill-restated.W8A8.s0", "has no batch norm"),
    ],
)
def test_a_cell_that_no_plan_takes_is_not_exported_either(cell: str, problem: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(export, [cell, "--out", str(tmp_path / "m")])
    assert isinstance(done.exception, UserError)
    assert problem in str(done.exception)
    assert not (tmp_path / "m").exists()


def test_full_precision_has_a_name_and_no_integers(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        export, ["mini/sagan-cifar10/fp32.baseline.FP32.s0", "--out", str(tmp_path / "m")]
    )
    assert isinstance(done.exception, UserError)
    assert "Full precision has no integer graph" in str(done.exception)


def test_a_cell_is_of_a_suite_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    published = Path(ganqbench.__file__).parent / "suites/mini.toml"
    file.write_text(published.read_text().replace('name = "mini"', 'name = "mine"'))
    with contextlib.chdir(tmp_path):
        named = named_cell("mine.toml/sagan-cifar10/ganq.even.W8A8.s0", ZOO)
    assert (named.cell.suite, named.cell.suite_version) == ("mine", named.suite.version)


def test_a_cell_that_failed_has_no_model(tmp_path: Path) -> None:
    record = RESULTS / "standard-v1/sagan-cifar10/openvino.ptq-minmax.W8A8.s0.json"
    done = CliRunner().invoke(export, [str(record), "--out", str(tmp_path / "m")])
    assert isinstance(done.exception, UserError)
    assert "is failed: The runtime's images differ" in str(done.exception)


@pytest.mark.parametrize("cell", ["mini/sagan-cifar10/ganq.even.W8A8.s0", ""], ids=["name", "record"])
def test_a_checkpoint_is_not_left_aside(cell: str, tmp_path: Path) -> None:
    own = tmp_path / "my.pkl"
    own.write_bytes(b"weights")
    cell = cell or str(newest("mini") / "sagan-cifar10" / "ganq.even.W8A8.s0.json")
    done = CliRunner().invoke(export, [cell, "--checkpoint", str(own), "--out", str(tmp_path / "m")])
    assert isinstance(done.exception, UserError)
    assert "A cell of suite mini is of its own generator" in str(done.exception)


def test_without_what_writes_graphs_nothing_is_quantized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "installed_version", lambda name: None if name == "onnxscript" else "1")
    done = CliRunner().invoke(export, ["mini/sagan-cifar10/ganq.even.W8A8.s0", "--out", str(tmp_path / "m")])
    assert isinstance(done.exception, UserError)
    assert "A graph needs onnxscript, which is not installed" in str(done.exception)
    assert "pip install" in str(done.exception)


def test_ratios_to_some_runtimes_reach_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []

    def measured(*_: Any, keep: bool) -> Any:
        kept.append(keep)
        raise UserError("Enough.", "It was asked.")

    monkeypatch.setattr(command, "_measured", measured)
    for options in ([], ["--runtime", "onnxruntime"], ["--keep"]):
        CliRunner().invoke(deploy, ["some.json", *options])
    assert kept == [False, True, True]


def test_a_gan_that_the_suite_lacks_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(deploy, ["mini/cyclegan-horse2zebra/ganq.ptq-mse.W8A8.s0", "word"])
    assert done.exit_code == 1
    assert "no GAN of suite mini named 'cyclegan-horse2zebra'" in done.output
    assert "'word' names no cell" in done.output


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("It is stale.", "Run it again."), "Error: It is stale.\nRun it again."),
        (OSError(28, "No space left on device", "a.json"), "Error: a.json: No space left on device.\nPut"),
    ],
)
def test_one_cell_that_fails_leaves_the_others(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Found:
        def model_dump(self, **_: Any) -> dict[str, Any]:
            return {"rounds": 7}

    def measured(text: str, *_: Any, **__: Any) -> Found:
        if text == "bad":
            raise error
        return Found()

    monkeypatch.setattr(command, "_measured", measured)
    done = CliRunner().invoke(deploy, ["--json", "bad", "good"])
    assert done.exit_code == 1
    assert said in done.output
    assert json.loads(done.stdout) == {"rounds": 7}
    assert CliRunner().invoke(deploy, ["good", "--json"]).exit_code == 0
    monkeypatch.setattr("sys.argv", ["ganqbench", "--debug", "deploy", "bad"])
    assert CliRunner().invoke(deploy, ["bad"]).exception is error


def test_a_record_that_can_not_be_replaced_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "prepare", lambda *_: pytest.fail("it began"))
    record = min((newest("mini") / "sagan-cifar10").glob("ganq.*W8A8*.json"))
    stray = tmp_path / record.name
    stray.write_bytes(record.read_bytes())
    done = CliRunner().invoke(deploy, [str(stray)])
    assert done.exit_code == 1
    assert f"which belongs at {record.relative_to(RESULTS)}; its image" in done.output
    assert "only print with --keep." in done.output


@pytest.mark.parametrize("tool", [deploy, export])
def test_a_record_of_an_earlier_suite_is_refused(tool: Any, tmp_path: Path) -> None:
    old = min((RESULTS / "mini-v3" / "sagan-cifar10").glob("*W8A8*.json"))
    done = CliRunner().invoke(tool, [str(old), *(["--out", str(tmp_path / "m")] if tool is export else [])])
    said = done.output if tool is deploy else str(done.exception)
    assert "is of an earlier version: suite mini has version" in said
    assert done.exit_code == 1
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("tool", [deploy, export])
def test_a_record_that_is_not_current_is_refused(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_part, "resume_key", lambda *_: "sha256:" + "0" * 64)
    record = min((newest("mini") / "sagan-cifar10").glob("ganq.*W8A8*.json"))
    done = CliRunner().invoke(
        tool, [str(record), *(["--out", str(tmp_path / "m")] if tool is export else [])]
    )
    said = done.output if tool is deploy else str(done.exception)
    assert "is not current" in said
    assert not (tmp_path / "m").exists()


def test_a_place_that_can_not_be_written_to_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_cell, "export_cell", lambda *_, **__: pytest.fail("it began"))
    place = tmp_path / "nowhere" / "m.onnx"
    done = CliRunner().invoke(export, ["mini/sagan-cifar10/ganq.ptq-mse.W8A8.s0", "--out", str(place)])
    assert isinstance(done.exception, UserError)
    assert "can't be written: No such file or directory" in str(done.exception)
    assert not any(tmp_path.iterdir())


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise UserError("It has no graph.", "Take another.")

    monkeypatch.setattr(export_cell, "export_cell", failing)
    place = tmp_path / "m.onnx"
    done = CliRunner().invoke(export, ["mini/sagan-cifar10/ganq.ptq-mse.W8A8.s0", "--out", str(place)])
    assert "It has no graph." in str(done.exception)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--arch", "--suite"])
@pytest.mark.parametrize("tool", [deploy, export, verify])
def test_what_describes_a_checkpoint_needs_one(tool: Any, option: str, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "m")] if tool is export else []
    done = CliRunner().invoke(tool, ["mini/x/y.z.W8A8.s0", option, "mini", *out])
    assert isinstance(done.exception, UserError)
    assert "Give --checkpoint FILE" in str(done.exception)
