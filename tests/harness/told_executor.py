"""An executor that measures nothing, for what a run does around its cells."""

from __future__ import annotations

from concurrent.futures import Future
from types import TracebackType
from typing import Any

from ganqbench.harness.executor import Executor, Task
from ganqbench.harness.process import Outcome

HARDWARE = {"cpu": "some", "isa": [], "cores": 1, "threads": 1, "os": "Linux", "accelerator": None}


class Idle(Executor):
    """Two cells at a time, and nothing that would have to be stopped."""

    @property
    def slots(self) -> int:
        return 2

    def stop(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Told(Idle):
    """Two cells at a time, which end in the way that it is told, the oldest first, when none was started."""

    def __init__(self, status: str = "skipped", *, shares_cache: bool = True) -> None:
        self.document = {"status": status, "reason": "as told", "attempts": 1, "hardware": HARDWARE}
        self.shares_cache = shares_cache
        self.running: dict[Future[Outcome], Task] = {}
        self.together: list[list[dict[str, Any]]] = []
        """Whenever a cell was started, the cells that ran then, it the last of them."""
        self._seen = 0

    @property
    def slots(self) -> int:
        idle, self._seen = self._seen == len(self.together), len(self.together)
        if idle and self.running:
            ended = next(iter(self.running))
            del self.running[ended]
            ended.set_result(Outcome(self.document, None))
            self._seen = -1  # whether its place is taken shows at the next call
        return 2

    def submit(self, task: Task) -> Future[Outcome]:
        found: Future[Outcome] = Future()
        self.running[found] = task
        self.together.append([each.job["cell"] for each in self.running.values()])
        return found
