"""Where a run's files lie on the site."""

from __future__ import annotations

from ganqbench.site.load import Run


def run_path(run: Run) -> str:
    """The run's page: where its record lies in `results/`, as HTML."""
    return _beside(run, "html")


def image_path(run: Run) -> str:
    """The run's image."""
    return _beside(run, "webp")


def json_path(run: Run) -> str:
    """The run's record."""
    return _beside(run, "json")


def _beside(run: Run, suffix: str) -> str:
    return f"{str(run.cell.path).removesuffix('json')}{suffix}"
