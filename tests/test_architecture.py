"""The arrows between the parts, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLKITS = {"brevitas", "pytorch_quantization", "torchao", "modelopt", "nncf", "onnxruntime", "openvino"}


MODULES = {
    ".".join((*package, *path.relative_to(ROOT / folder).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for folder, package in (("bench", ("ganqbench",)), ("adapters", ("ganqbench", "adapters")))
    for path in (ROOT / folder).rglob("*.py")
}
BASE = {"cell", "errors", "protocol", "records", "suite"}
ARROWS: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "home": set(),
    "cell": set(),
    "protocol": set(),
    "records": {"cell", "suite"},
    "suite": {"cell", "errors", "protocol", "records"},
    "zoo": {"errors", "home"},
    "adapter": {"cell", "errors", "zoo"},
    "adapters": {"adapter", "cell", "deploy", "zoo"},  # integer graphs and sessions
    "train": {"errors", "home", "whole_file", "zoo"},
    "metrics": {"train", "whole_file", "zoo"},
    "recipes": {"train", "zoo"},
    "audit": {"deploy", "zoo"},  # integer sessions and graphs
    "deploy": {"audit", "errors", "zoo"},  # an exporter watches as the audit does
    "harness": BASE | {"adapter", "audit", "deploy", "home", "metrics", "recipes", "train", "zoo"},
    "site": BASE | {"adapter", "metrics"},
    "cli": BASE - {"protocol"}
    | {"adapter", "deploy", "harness", "home", "metrics", "recipes", "site", "zoo"},
    "__main__": {"cli"},
    "suites": set(),
    "weights": set(),
    "whole_file": set(),
}
"""What each part of the package uses: the command line all, the bottom nothing."""


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def own_imports(path: Path) -> set[str]:
    """Modules of this project that a file imports, at its top or later."""
    named = {name for name in imports(path) if name in MODULES}
    # Of `from package import module` the module is meant.
    return named - {name.rpartition(".")[0] for name in named}


def part_of(module: str) -> str:
    """The part of the package that a module is in; empty for the package itself."""
    return [*module.split("."), ""][1]


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


def test_every_arrow_is_meant() -> None:
    """Which part uses which; a row that lists more than is used is as wrong as one that lists less."""
    found: dict[str, set[str]] = {part: set() for part in ARROWS}
    for module, path in MODULES.items():
        part = part_of(module)
        found[part] |= {part_of(name) for name in own_imports(path)} - {part, ""}
    for part, uses in ARROWS.items():
        assert found[part] == uses, part


def test_no_module_waits_for_itself() -> None:
    waiting = {name: own_imports(path) & set(MODULES) - {name} for name, path in MODULES.items()}
    # A reference asks for its radii when it is used, and those who reckon them take references.
    waiting["ganqbench.metrics.reference"].discard("ganqbench.metrics.manifold")
    while ready := [name for name, wanted in waiting.items() if not wanted & set(waiting)]:
        for name in ready:
            del waiting[name]
    assert not waiting, f"in or behind a cycle: {sorted(waiting)}"


def test_the_site_judges_in_one_file() -> None:
    """The rule of verdicts is arithmetic on numbers that records hold; and all of `metrics` in there."""
    rule = {"ganqbench.metrics.interval", "ganqbench.metrics.judgement"}
    for path in (ROOT / "bench/site").rglob("*.py"):
        allowed = rule if path.name == "judge.py" else set()
        assert {name for name in own_imports(path) if part_of(name) == "metrics"} <= allowed, path
        assert not [name for name in imports(path) if name.split(".")[0] == "torch"], path


def test_what_is_published_is_unknown_to_what_trains() -> None:
    for folder in ("train", "recipes"):
        for path in (ROOT / "bench" / folder).rglob("*.py"):
            assert not [name for name in own_imports(path) if part_of(name) == "metrics"], path
