"""The arrows between the parts, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLKITS = {"brevitas", "pytorch_quantization", "torchao", "modelopt", "nncf", "onnxruntime", "openvino"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("module", ["ganqbench", "ganqbench.cli.main", "ganqbench.adapter", "ganqbench.zoo"])
def test_importing_pulls_neither_torch_nor_a_toolkit(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules, sep=chr(10))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", *TOOLKITS} & {name.split(".")[0] for name in done.stdout.split()}


def test_nothing_in_bench_imports_a_quantization_toolkit() -> None:
    for path in (ROOT / "bench").rglob("*.py"):
        # Integer models run in the runtimes of deployment, which are toolkits, too.
        allowed = {"onnxruntime", "openvino"} if path.parent.name == "deploy" else set()
        found = {name for name in imports(path) if name.split(".")[0] not in allowed}
        assert not TOOLKITS & {name.split(".")[0] for name in found}, path
        assert not [name for name in found if "quantization" in name and "ganqbench" not in name], path
        assert not [name for name in imports(path) if name.startswith(("torch.ao", "ganqbench.adapters"))], (
            path
        )


def test_the_site_reads_records_only() -> None:
    forbidden = ("ganqbench.harness", "ganqbench.metrics", "ganqbench.audit", "ganqbench.train", "torch")
    # The rule of verdicts is arithmetic on numbers that records hold; one file applies it.
    rule = ("ganqbench.metrics.interval", "ganqbench.metrics.judgement")
    for path in (ROOT / "bench/site").rglob("*.py"):
        allowed = rule if path.name == "judge.py" else ()
        found = [name for name in imports(path) if name.startswith(forbidden)]
        assert not [name for name in found if not (allowed and name.startswith(allowed))], path


def test_what_measures_knows_nothing_of_the_command_line_or_the_site() -> None:
    for folder in ("harness", "metrics", "audit", "zoo", "records"):
        for path in (ROOT / "bench" / folder).rglob("*.py"):
            assert not [
                name for name in imports(path) if name.startswith(("ganqbench.cli", "ganqbench.site"))
            ], path
