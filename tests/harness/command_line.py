"""The command line, run in the tests' own process: a driver of its own costs seconds of imports.

And the records that it leaves, read or forged.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from ganqbench.cli.main import main
from ganqbench.records.canonical import canonical, content_hash
from ganqbench.records.schema import Record
from ganqbench.records.store import read, record_files


def run_here(
    folder: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """What `ganqbench ARGUMENTS` in `folder` leaves; its cells are processes as ever."""
    plugins = [Path(part) for part in environment["PYTHONPATH"].split(os.pathsep)]
    out, err, known = io.StringIO(), io.StringIO(), set(sys.modules)
    status: int | str | None = 0
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "path", [*map(str, plugins), *sys.path]),
        mock.patch.object(sys, "argv", ["ganqbench", *arguments]),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as exit_:
            status = exit_.code
    for name in set(sys.modules) - known:  # the next test may install another file of that name
        file = getattr(sys.modules[name], "__file__", None)
        if file and any(Path(file).is_relative_to(place) for place in plugins):
            del sys.modules[name]
    return subprocess.CompletedProcess(arguments, int(status or 0), out.getvalue(), err.getvalue())


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does, two minutes at most."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def records(results: Path) -> dict[str, Record]:
    """Label of each cell -> its record."""
    return {record.cell.label: record for record in map(read, record_files(results))}


def forge(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a record says, and make its hash right again."""
    document = json.loads(path.read_bytes())
    change(document)
    document["hash"] = content_hash(document)
    path.write_bytes(canonical(document))
