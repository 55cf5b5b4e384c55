"""What published distances are computed in has no part in any recipe."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ganqbench.recipes
from ganqbench.recipes.recipe import RECIPES

FOLDER = Path(next(iter(ganqbench.recipes.__path__)))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_no_recipe_reaches_the_metric_network_or_final_items(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in ("metric", "third", "final")
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith(("ganqbench.metrics", "ganqbench.harness"))


def test_recipes_say_what_they_are() -> None:
    for recipe in RECIPES.values():
        assert recipe.title
        assert recipe.reference
        assert recipe.losses
        assert all(weight > 0 for weight in recipe.losses.values())
    assert len({recipe.title for recipe in RECIPES.values()}) == len(RECIPES)
