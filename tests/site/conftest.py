from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemBytecodeCache

from ganqbench.site import render

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two fifths of a small build are the templates, which are the same in all of them."""
    kept = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("compiled")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "Environment", partial(Environment, bytecode_cache=kept))
        yield


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(results, site) of the small board; tests only look at it."""
    import site_factory

    from ganqbench.site import build

    results, out = tmp_path_factory.mktemp("small") / "results", tmp_path_factory.mktemp("built") / "site"
    site_factory.small_board(results)
    assert build(results, out).faults == ()
    return results, out
