"""What makes a record current: the sources, suite, weights and versions that can change its numbers.

The numeric code of a cell is the import closure, within this project, of what its process does, the
GAN's zoo entry and the adapter. Imports are read from the syntax tree, so a module that
nothing numeric imports (site, command line, records) is outside by construction, and a new
import is inside without anybody listing it.
"""

from __future__ import annotations

import ast
import hashlib
import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec, resolve_name
from pathlib import Path

from ganqbench.adapter import GROUP, Adapter, installed_version
from ganqbench.cell import Cell
from ganqbench.harness.judge_files import judge_hashes
from ganqbench.records.canonical import canonical, sha256
from ganqbench.suite import Suite
from ganqbench.zoo.classifier import STEERING
from ganqbench.zoo.generator import ZooEntry

PACKAGE = "ganqbench"
ROOTS = ("ganqbench.harness.cell_job", "ganqbench.harness.pinned")
"""What a cell's process does, and what it is started with."""
COMMON = ("torch", "numpy", "scipy", "pillow")


def numeric_modules(cell: Cell, entry: ZooEntry) -> dict[str, Path]:
    """Module name -> source file of everything that can change a number of this cell."""
    (adapter,) = entry_points(group=GROUP, name=cell.adapter)
    roots = [*ROOTS, type(entry).__module__, adapter.module]
    closure: dict[str, Path] = {}
    while roots:
        name = roots.pop()
        if name in closure:
            continue
        path = _source(name)
        if path is None:
            continue
        closure[name] = path
        roots.extend(_imports(name, path))
    return closure


def numeric_code(cell: Cell, entry: ZooEntry) -> str:
    """Hash over the numeric modules' source text."""
    digest = hashlib.sha256()
    for name, path in sorted(numeric_modules(cell, entry).items()):
        digest.update(f"{name}\0".encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
        digest.update(b"\0")
    return f"sha256:{digest.hexdigest()}"


def versions(adapter: Adapter, entry: ZooEntry) -> dict[str, str | None]:
    """Versions of the distributions that can change this cell's numbers."""
    names = dict.fromkeys((*COMMON, *adapter.requires, *entry.requires))
    return {"python": platform.python_version(), **{name: installed_version(name) for name in names}}


def resume_key(cell: Cell, suite: Suite, entry: ZooEntry, code: str, used: Mapping[str, str | None]) -> str:
    """Hash that equals a record's `provenance.key` exactly when the record is still current."""
    numeric_versions = {name: version for name, version in used.items() if name != "python"}
    return sha256(
        canonical(
            {
                "cell": cell.model_dump(mode="json"),
                "suite": suite.digest(cell.gan),
                "weights": entry.weights_sha256,
                "judge": judge_hashes(entry, suite.protocol[cell.gan]),
                "code": code,
                "versions": numeric_versions,
                **({} if cell.recipe is None else {"steering": _steering_hashes()}),
            }
        )
    )


def _steering_hashes() -> list[str]:
    """Of the classifiers that recipes look through; their weights are in no source file."""
    weights = files("ganqbench.weights")
    return [sha256(weights.joinpath(f"{name}.safetensors").read_bytes()) for name in STEERING]


def _source(module: str) -> Path | None:
    """Source file of a module, or None; imports its parent packages but not the module."""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _imports(module: str, path: Path) -> Iterator[str]:
    """Modules of this project (or of the module's own package) that a source file imports, lazily or not."""
    own = {module.split(".")[0], PACKAGE}
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for level, base, names in _statements(path.read_bytes()):
        imported = resolve_name("." * level + base, package)
        if imported.split(".")[0] in own:
            yield imported
            yield from _submodules(imported, names)


@cache  # a plan asks for each text once per GAN and adapter, and reading it takes milliseconds
def _statements(source: bytes) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
    """(leading dots, module, names taken from it) of each import in a source text."""
    found: list[tuple[int, str, tuple[str, ...]]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.extend((0, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
    return tuple(found)


def _submodules(package: str, names: tuple[str, ...]) -> Iterator[str]:
    """Those of `from package import names` that are modules rather than attributes."""
    source = _source(package) if names else None
    if source is not None and source.name == "__init__.py":
        yield from (f"{package}.{name}" for name in names if _source(f"{package}.{name}") is not None)
