"""`ganqbench deploy` and `export`: what can't be deployed is said in sentences, and the rest goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ganqbench.cli import deploy as command
from ganqbench.cli.deploy import deploy
from ganqbench.cli.export import export
from ganqbench.errors import UserError


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


def test_one_cell_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        def model_dump(self, **_: Any) -> dict[str, Any]:
            return {"rounds": 7}

    def measured(text: str, *_: Any, **__: Any) -> Found:
        if text == "bad":
            raise UserError("It is stale.", "Run it again.")
        return Found()

    monkeypatch.setattr(command, "_measured", measured)
    done = CliRunner().invoke(deploy, ["--json", "bad", "good"])
    assert done.exit_code == 1
    assert "Error: It is stale.\nRun it again." in done.output
    assert json.loads(done.stdout) == {"rounds": 7}
    assert CliRunner().invoke(deploy, ["good", "--json"]).exit_code == 0
