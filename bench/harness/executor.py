"""Who runs cells: this machine's processors, or somebody else (see `dask_executor`)."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ganqbench.errors import UserError
from ganqbench.harness.process import Interrupted, Outcome, run_cell

RETRIES = 1
"""How often a cell is tried again whose process died."""


@dataclass(frozen=True)
class Task:
    """A cell on its way to a process: what that is told, and the bounds it gets."""

    job: Mapping[str, Any]
    time_limit_s: float
    retries: int = RETRIES


class Executor(ABC):
    """Runs cells, each in a process of its own; a context manager that leaves none behind.

    An executor decides where a cell runs and nothing else: planning, claims and records are the
    driver's.
    """

    shares_cache: bool = True
    """Whether cells keep whole sets of full-precision images in this machine's cache folder."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many cells it wants to be given at a time."""

    @abstractmethod
    def submit(self, task: Task) -> Future[Outcome]:
        """Start a cell. Its future raises nothing but Interrupted, or UserError where all is lost."""

    @abstractmethod
    def stop(self) -> None:
        """Give up all cells that run."""

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and wait until nothing is left."""


class LocalExecutor(Executor):
    """`jobs` cells at a time on this machine."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(jobs)

    @property
    def slots(self) -> int:
        """One per job."""
        return self._jobs

    def submit(self, task: Task) -> Future[Outcome]:
        """Start a cell in the next free thread, which only waits for it."""
        return self._pool.submit(self._run, task)

    def _run(self, task: Task) -> Outcome:
        if self._stopped.is_set():
            raise Interrupted
        try:
            return run_cell(task.job, task.time_limit_s, task.retries, self._stopped.is_set)
        except OSError as error:
            raise UserError(
                f"A cell can't be started: {error.strerror or error}.",
                "Make room on the disk and in memory, then start it again; finished cells are kept.",
            ) from error

    def stop(self) -> None:
        """Kill the running cells' processes."""
        self._stopped.set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
