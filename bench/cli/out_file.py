"""The file that a command is to write, looked at before any work."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from ganqbench.errors import UserError


def check_out(out: Path, read: Iterable[Path] = (), *, new_folders: bool = False) -> None:
    """UserError where no file can be written beside `out`, or it is one of those that the command reads.

    With `new_folders` the command makes the folders that are not there.
    """
    for source in read:
        if out.exists() and source.exists() and out.samefile(source):
            raise UserError(
                f"{out} is what the command reads, and would be overwritten.",
                "Choose another file with --out.",
            )
    folder = out.parent
    while new_folders and not folder.exists():
        folder = folder.parent
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(
            f"{out} can't be written: {error.strerror}.", "Choose another place with --out."
        ) from error
