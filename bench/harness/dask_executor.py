"""Cells as tasks of Dask distributed: a cluster on this machine, or one that is there already.

Dask decides where a cell runs. There it still gets its own process with its time limit, and only its
outcome travels back; the driver alone writes records. A worker that dies costs the cells that it was
running, which are started again elsewhere. With `shards` each cell's evaluation is so many tasks and one
that joins them, see `shards`; then it costs the parts that it was running or holding.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ganqbench.errors import UserError
from ganqbench.harness.executor import Executor, Task
from ganqbench.harness.process import Interrupted, Outcome, run_cell
from ganqbench.harness.shards import join, part_tasks

if TYPE_CHECKING:
    from distributed import Client

CONNECT_S = 30
AHEAD = 2
"""Cells given to the scheduler per thread of its workers, so that none waits for the next."""
GPU = "GPU"


class DaskExecutor(Executor):
    """Cells on the workers of a Dask cluster.

    Without `scheduler` a cluster of `workers` processes with one thread each is started here, and
    ends with the run. `resources` are what a worker must offer to get a cell, as in `{"GPU": 1}`;
    `shards` is the number of tasks that share a cell's evaluation. Raises UserError where Dask is
    missing or the scheduler can't be reached.
    """

    def __init__(
        self,
        scheduler: str | None,
        workers: int,
        resources: Mapping[str, float],
        shards: int,
    ) -> None:
        self._scheduler = scheduler
        self._workers = workers
        self._resources = dict(resources)
        self._shards = shards
        # What lies elsewhere, or in parts, can't be seen from here.
        self.shares_cache = scheduler is None and shards == 1
        self._open = ExitStack()
        self._client: Client | None = None

    def __enter__(self) -> Self:
        """Connect, and start the local cluster where none is given."""
        try:
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise UserError(
                "Executor dask needs Dask distributed, which is not installed.",
                'pip install "ganqbench[dask]"',
            ) from error
        # What goes wrong is said once, in our words.
        for name in ("distributed", "distributed.client", "distributed.core", "distributed.utils"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with ExitStack() as opened:
            if self._scheduler is None:
                cluster = LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    memory_limit=0,  # that of a cell is its own process's, which Dask does not see
                    dashboard_address=None,
                    resources=self._resources,
                    silence_logs=logging.CRITICAL,
                )
                opened.enter_context(cluster)
                address: Any = cluster
            else:
                address = self._scheduler
                _knock(address)
            try:
                self._client = opened.enter_context(Client(address, timeout=CONNECT_S, set_as_default=False))
            except (OSError, TimeoutError, ValueError) as error:
                raise _absent(self._scheduler, error) from error
            self._options: dict[str, Any] = {"pure": False, "retries": 0}
            if self._resources:
                self._options["resources"] = self._resources
            self._pool = self._client.get_executor(**self._options)
            self._open = opened.pop_all()
        return self

    @property
    def slots(self) -> int:
        """Some more than there are threads; one while no worker is there, so that a cell asks for one."""
        assert self._client is not None
        try:
            threads = int(sum(self._client.nthreads().values()))
        except (OSError, TimeoutError, CancelledError) as error:
            raise _lost(self._scheduler) from error
        return max(1, -(-AHEAD * threads // self._shards))

    def submit(self, task: Task) -> Future[Outcome]:
        """Give a cell to the scheduler."""
        ended: Future[Outcome] = Future()
        try:
            running = self._start(task, GPU if GPU in self._resources else None)
        except RuntimeError as error:
            raise _lost(self._scheduler) from error
        running.add_done_callback(lambda found: self._settle(found, ended))
        return ended

    def _start(self, task: Task, accelerator: str | None) -> Future[Outcome]:
        assert self._client is not None
        parts = part_tasks(task, self._shards)
        if len(parts) == 1:
            running: Future[Outcome] = self._pool.submit(run_here, task, accelerator)
        else:
            # The scheduler keeps the parts for as long as the join is wanted, and not longer.
            found = [self._client.submit(run_here, part, accelerator, **self._options) for part in parts]
            running = self._pool.submit(join_here, task, accelerator, found)
        return running

    def _settle(self, found: Future[Outcome], ended: Future[Outcome]) -> None:
        """Turn what Dask says of a cell into its outcome."""
        from distributed import KilledWorker

        try:
            ended.set_result(found.result())
        except KilledWorker as error:
            deaths = error.allowed_failures + 1
            ended.set_result(_failed(f"Given up: {deaths} workers died while they ran this cell.", deaths))
        except CancelledError:
            ended.set_exception(_lost(self._scheduler))
        except (Interrupted, UserError) as error:
            ended.set_exception(error)
        except Exception as error:  # a worker that can't even start the cell's process says why
            reason = f"The worker could not run this cell: {type(error).__name__}: {error}"[:2000]
            ended.set_result(_failed(reason, 1))

    def stop(self) -> None:
        """Let go of all cells; workers end those that nobody waits for."""
        if self._client is not None and self._client.status == "running":
            self._pool.shutdown(wait=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._open.close()


def run_here(task: Task, accelerator: str | None) -> Outcome:
    """Run a cell on the worker that this is called on, until its end or until nobody wants it."""
    return run_cell(task.job, task.time_limit_s, task.retries, _unwanted(), accelerator)


def join_here(task: Task, accelerator: str | None, parts: Sequence[Outcome]) -> Outcome:
    """Join a cell's parts on the worker that this is called on."""
    return join(task, parts, _unwanted(), accelerator)


def _failed(reason: str, attempts: int) -> Outcome:
    """The outcome of a cell whose worker said none: on which machine it ran is not known."""
    return Outcome({"status": "failed", "reason": reason, "attempts": attempts}, None)


def _unwanted() -> Callable[[], bool]:
    """Asks whether the task that calls this has become useless."""
    from distributed import Status, get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def unwanted() -> bool:
        found = worker.state.tasks.get(key)
        at_work = worker.status in (Status.running, Status.paused)  # else it lost its scheduler, or ends
        return not at_work or found is None or found.state != "executing"

    return unwanted


def _knock(address: str) -> None:
    """See whether anything listens there: a client that fails to connect leaves a traceback behind."""
    from distributed.comm import get_address_host_port

    try:
        socket.create_connection(get_address_host_port(address, strict=True), CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise _absent(address, error) from error


def _absent(address: str | None, error: Exception) -> UserError:
    return UserError(
        f"There is no Dask scheduler at {address}: {error}.",
        "Start one with `dask scheduler`, see docs/cluster.md; finished cells are kept.",
    )


def _lost(scheduler: str | None) -> UserError:
    where = f" at {scheduler}" if scheduler else ""
    return UserError(
        f"The Dask scheduler{where} is gone, and with it the cells that were running.",
        "Start it and give the same command again; finished cells are kept.",
    )
