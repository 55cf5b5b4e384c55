"""The records that are committed beside the tests."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


def newest(suite: str) -> Path:
    """The folder of a suite's last version of which there are records."""
    return max(RESULTS.glob(f"{suite}-v*"), key=lambda folder: int(folder.name.rpartition("-v")[2]))


def states(folder: Path) -> Iterator[Path]:
    """`results/` as it is, then as the last commit has it, in `folder`.

    A page of the records is written before they are committed, and stays what it was where somebody
    runs a suite for themselves. Without git there is nothing but what is here.
    """
    yield RESULTS
    archive = folder / "results.tar"
    asked = ["git", "-C", str(ROOT), "archive", "--output", str(archive), "HEAD", "results"]
    if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        yield folder / "results"
