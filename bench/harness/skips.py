"""Why a cell can't run: it names what there is not, or something that it needs is not here."""

from __future__ import annotations

from ganqbench.adapter import Adapter, Skip, installed_version
from ganqbench.cell import Cell
from ganqbench.errors import UserError, unknown_name
from ganqbench.harness.judge_files import judge_files
from ganqbench.harness.missing_toolkits import pip_install
from ganqbench.protocol import Protocol
from ganqbench.recipes.recipe import RECIPES
from ganqbench.zoo.generator import ZooEntry


def check_names(cell: Cell, adapter: Adapter) -> None:
    """Raises UserError with the closest names where there is no such method or recipe."""
    if cell.method not in adapter.methods:
        raise unknown_name(f"method of adapter {cell.adapter}", cell.method, adapter.methods)
    if cell.recipe is not None and cell.recipe not in RECIPES:
        raise unknown_name("recipe", cell.recipe, RECIPES)


def missing(found: ZooEntry) -> Skip | None:
    """Why this GAN can't be loaded here."""
    absent = [name for name in found.requires if installed_version(name) is None]
    if not absent:
        return None
    return Skip(f"{found.name} needs {' '.join(absent)}, which is not installed: {pip_install(absent)}")


def uninstalled(adapter: Adapter) -> Skip | None:
    """Why this adapter can't run here."""
    if not adapter.missing:
        return None
    names = " ".join(adapter.missing)
    return Skip(f"{adapter.name} needs {names}, which is not installed: {pip_install(adapter.missing)}")


def untrainable(cell: Cell, adapter: Adapter) -> Skip | None:
    """Why a recipe can't fine-tune what this method returns."""
    if cell.recipe is None or adapter.methods[cell.method].trainable:
        return None
    trainable = ", ".join(name for name, method in adapter.methods.items() if method.trainable)
    which = f"these have: {trainable}" if trainable else "no method of this adapter has"
    return Skip(
        f"Recipe {cell.recipe} needs quantizers that let gradients through, which "
        f"{cell.adapter}.{cell.method} has not; {which}"
    )


def unjudged(found: ZooEntry, protocol: Protocol) -> Skip | None:
    """Why this GAN's images can't be judged here as the suite asks.

    Raises UserError where they never can be: pixels alone must not pass for a suite with distances.
    """
    if protocol.extractor is not None and found.domain is None:
        raise UserError(
            f"The suite asks for distances of {found.name}, whose zoo entry names no reference.",
            "Drop `extractor` from its protocol, or give the zoo entry a `domain`.",
        )
    absent = [path for path in judge_files(found, protocol).values() if not path.is_file()]
    if not absent:
        return None
    names = ", ".join(f"{path.parent.name}/{path.name}" for path in absent)
    return Skip(
        f"{found.name} is judged in the features of {protocol.extractor}, and the cache folder that "
        f"`ganqbench doctor` names lacks {names}; `ganqbench reference build` makes references"
    )
