"""An adapter's file outside any distribution, registered for one test run."""

from __future__ import annotations

import ast
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ganqbench.adapter import GROUP


def adapter_class(file: Path) -> tuple[str, str]:
    """(class, adapter name) of the file's adapter, read without running it; UsageError if there is none."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError) as error:
        raise pytest.UsageError(f"{file} can't be read as Python: {error}") from error
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.Assign):
                    target, value = line.targets[0], line.value
                elif isinstance(line, ast.AnnAssign) and line.value is not None:
                    target, value = line.target, line.value
                else:
                    continue
                if isinstance(target, ast.Name) and target.id == "name" and isinstance(value, ast.Constant):
                    return node.name, str(value.value)
    raise pytest.UsageError(
        f"{file} has no class with `name = ...`: let it define a subclass of ganqbench.adapter.Adapter"
    )


def register(file: Path, stage: Path) -> str:
    """Make the file's adapter an entry point of this process and of those it starts; returns its name.

    `stage` becomes a folder on the path with the metadata of a distribution, as pip would leave it;
    where pip has been, and the file's own distribution says the same, nothing is added but the file.
    UsageError for a name that can't be imported.
    """
    if not file.stem.isidentifier():
        raise pytest.UsageError(f"{file} can't be imported: rename it to letters, digits and underscores")
    found, name = adapter_class(file)
    value = f"{file.stem}:{found}"
    # In front, so that it is this file and not an installed copy.
    _onto_path(file.parent.resolve())
    if value in {point.value for point in entry_points(group=GROUP, name=name)}:
        return name
    metadata = stage / f"{name}-0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")
    _onto_path(stage)
    return name


def _onto_path(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
