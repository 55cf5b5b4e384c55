"""What makes a record stale, and what does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ganqbench.cell import Cell
from ganqbench.harness.identity import numeric_modules
from ganqbench.suite import load_suite
from ganqbench.zoo.registry import entry

ROOT = Path(__file__).parents[2]

KEYS = """
import json, sys
from pathlib import Path
from ganqbench.harness.plan import make_plan
from ganqbench.suite import load_suite
from ganqbench.zoo.registry import entry
import ganqbench
root = Path(ganqbench.__file__).parent
assert root == Path(sys.argv[1]), (root, sys.argv[1])
suite = load_suite("mini")

def keys():
    plan = make_plan(suite, suite.cells(), Path("nowhere"))
    return {f"{item.cell.gan}/{item.cell.label}": item.key for item in plan.todo}

found = [keys()]
for edited in sys.argv[2:]:
    path = root / edited
    original = path.read_bytes()
    path.write_bytes(original + b"\\n# edited\\n")
    found.append(keys())
    path.write_bytes(original)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def keys_after_edits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Edited file -> keys of mini's cells, computed on a copy of the sources."""
    folder = tmp_path_factory.mktemp("copy")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "bench", folder / "ganqbench", ignore=ignore)
    shutil.copytree(ROOT / "adapters", folder / "ganqbench" / "adapters", ignore=ignore)
    edits = [
        "site/__init__.py",
        "cli/run.py",
        "records/schema.py",
        "harness/run.py",
        "adapters/brevitas.py",
        "harness/measure.py",
        "harness/judge.py",
        "harness/outcome.py",
        "harness/pinned.py",
        "zoo/vintagify.py",
        "metrics/fidelity.py",
        "audit/__init__.py",
        "weights/teacher.safetensors",
        "weights/tutor.safetensors",
    ]
    done = subprocess.run(
        [sys.executable, "-c", KEYS, str(folder / "ganqbench"), *edits],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(["nothing", *edits], json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("edited", ["site/__init__.py", "cli/run.py", "records/schema.py", "harness/run.py"])
def test_editing_what_makes_no_number_invalidates_nothing(
    edited: str, keys_after_edits: dict[str, dict[str, str]]
) -> None:
    assert keys_after_edits[edited] == keys_after_edits["nothing"]


def test_editing_a_template_is_outside_by_construction() -> None:
    for cell in load_suite("mini").cells():
        assert all(path.suffix == ".py" for path in numeric_modules(cell, entry(cell.gan)).values())
        assert not any(
            name.startswith(("ganqbench_site", "ganqbench.site"))
            for name in numeric_modules(cell, entry(cell.gan))
        )


def test_editing_an_adapter_invalidates_exactly_its_cells(
    keys_after_edits: dict[str, dict[str, str]],
) -> None:
    before, after = keys_after_edits["nothing"], keys_after_edits["adapters/brevitas.py"]
    changed = {label for label in before if before[label] != after[label]}
    assert changed == {label for label in before if "/brevitas." in label} != set()


@pytest.mark.parametrize("network", ["teacher", "tutor"])
def test_another_teacher_invalidates_exactly_what_recipes_made(
    network: str, keys_after_edits: dict[str, dict[str, str]]
) -> None:
    before, after = keys_after_edits["nothing"], keys_after_edits[f"weights/{network}.safetensors"]
    changed = {label for label in before if before[label] != after[label]}
    assert changed == {label for label in before if "+distill" in label} != set()


@pytest.mark.parametrize(
    "edited",
    [
        *("harness/measure.py", "harness/judge.py", "harness/outcome.py", "harness/pinned.py"),
        *("metrics/fidelity.py", "audit/__init__.py"),
    ],
)
def test_editing_shared_numeric_code_invalidates_every_cell(
    edited: str, keys_after_edits: dict[str, dict[str, str]]
) -> None:
    before, after = keys_after_edits["nothing"], keys_after_edits[edited]
    assert all(before[label] != after[label] for label in before)


def test_editing_a_zoo_entry_invalidates_exactly_its_cells(
    keys_after_edits: dict[str, dict[str, str]],
) -> None:
    before, after = keys_after_edits["nothing"], keys_after_edits["zoo/vintagify.py"]
    changed = {label for label in before if before[label] != after[label]}
    assert changed == {label for label in before if label.startswith("cyclegan-vintagify/")} != set()


def test_the_numeric_code_reaches_down_to_the_layers() -> None:
    cell = Cell.model_validate(
        {
            "suite": "mini",
            "suite_version": 1,
            "gan": "cyclegan-vintagify",
            "adapter": "brevitas",
            "method": "ptq-mse",
            "bits": "W4A8",
            "seed": 0,
        }
    )
    names = set(numeric_modules(cell, entry(cell.gan)))
    assert {
        "ganqbench.adapters.brevitas",
        "ganqbench.zoo.cyclegan",
        "ganqbench.zoo.photographs",
        "ganqbench.metrics.ssim",
        "ganqbench.audit",
        "ganqbench.protocol",
    } <= names
    assert not names & {"ganqbench.adapters.torch_ao", "ganqbench.zoo.registry", "ganqbench.harness.run"}
