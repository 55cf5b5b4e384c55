from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(results, site) of the small board; tests only look at it."""
    import site_factory

    from ganqbench.site import build

    results, out = tmp_path_factory.mktemp("small") / "results", tmp_path_factory.mktemp("built") / "site"
    site_factory.small_board(results)
    assert build(results, out).faults == ()
    return results, out
