"""What is installed is what is in this checkout: no module forgotten, none left over."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from ganqbench import __version__

ROOT = Path(__file__).parents[1]


def contents(folder: Path, *suffixes: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and (not suffixes or path.suffix in suffixes)
    }


def installed(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (folder,) = (Path(place) for place in spec.submodule_search_locations if Path(place).is_dir())
    return folder


@pytest.mark.parametrize(
    ("package", "folder"),
    [("ganqbench", "bench"), ("ganqbench.adapters", "adapters"), ("ganqbench_site", "site")],
)
def test_the_installed_package_equals_the_tree(package: str, folder: str) -> None:
    suffixes = () if package == "ganqbench_site" else (".py", ".toml", ".safetensors", ".typed")
    there = contents(installed(package), *suffixes)
    if package == "ganqbench":
        there = {name: data for name, data in there.items() if not name.startswith("adapters/")}
    assert there == contents(ROOT / folder, *suffixes)


def test_one_version_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in citation
    assert f"\n## {__version__} - 20" in changes


def test_site_holds_no_python() -> None:
    assert not list((ROOT / "site").rglob("*.py"))
