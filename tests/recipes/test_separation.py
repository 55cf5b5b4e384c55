"""What published distances are computed in has no part in any recipe."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ganqbench.recipes
from ganqbench.recipes.recipe import RECIPES

FOLDER = Path(next(iter(ganqbench.recipes.__path__)))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_no_recipe_reaches_the_metric_network_or_final_items(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value.removesuffix(".safetensors") not in ("metric", "third", "final")
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("ganqbench") for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith(("ganqbench.metrics", "ganqbench.harness"))


def test_nothing_that_recipes_import_reaches_the_judge() -> None:
    """Through others' imports, too."""
    lines = [
        "import sys",
        *(f"import ganqbench.recipes.{file.stem}" for file in sorted(FOLDER.glob("[a-z]*.py"))),
        "parts = {name.split('.')[1] for name in sys.modules if name.startswith('ganqbench.')}",
        "print(sorted(parts & {'metrics', 'harness', 'site', 'cli', 'records'}))",
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert done.stdout == "[]\n"


def test_recipes_say_what_they_are() -> None:
    for recipe in RECIPES.values():
        assert recipe.title
        assert recipe.reference
        assert recipe.losses
        assert all(weight > 0 for weight in recipe.losses.values())
    assert len({recipe.title for recipe in RECIPES.values()}) == len(RECIPES)
