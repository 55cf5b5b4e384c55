"""The records that are committed beside the tests."""

from __future__ import annotations

from pathlib import Path

RESULTS = Path(__file__).parents[2] / "results"


def newest(suite: str) -> Path:
    """The folder of a suite's last version of which there are records."""
    return max(RESULTS.glob(f"{suite}-v*"), key=lambda folder: int(folder.name.rpartition("-v")[2]))
