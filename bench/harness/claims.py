"""Which run works on which cell, so that two runs over one results folder never do the same work.

A claim is a lock on one byte of a file in the results folder. The kernel gives it back when its
holder dies, however it dies, and it holds across machines where the file system has POSIX locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType

from ganqbench.cell import Cell

FILE = ".claims"


class Claims:
    """The claims of this process on cells of a results folder; a context manager that ends them all."""

    def __init__(self, results: Path) -> None:
        results.mkdir(parents=True, exist_ok=True)
        self.path = results / FILE
        # POSIX locks end when a process closes any descriptor of the file, so there is but one.
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def __enter__(self) -> Claims:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def take(self, cell: Cell) -> bool:
        """Claim a cell; False if another run holds it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(cell))
        except (BlockingIOError, PermissionError):  # POSIX allows both
            return False
        return True

    def give_back(self, cell: Cell) -> None:
        """End the claim on a cell."""
        with contextlib.suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(cell))


def _place(cell: Cell) -> int:
    """The byte that stands for a cell; the file needs not reach so far."""
    return int.from_bytes(hashlib.sha256(str(cell.path).encode()).digest()[:7], "big")
