"""An adapter's file outside any distribution, registered for one test run."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest


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

    `stage` becomes a folder on the path with the metadata of a distribution, as pip would leave it.
    """
    found, name = adapter_class(file)
    metadata = stage / f"{name}-0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text(f"[ganqbench.adapters]\n{name} = {file.stem}:{found}\n")
    for folder in (str(file.parent.resolve()), str(stage)):
        sys.path.append(folder)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), folder]))
    return name
