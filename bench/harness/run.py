"""Run a plan: cells side by side, each record written by this process as soon as it is there."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ganqbench.errors import UserError
from ganqbench.harness.claims import Claims
from ganqbench.harness.executor import RETRIES, Executor, Task
from ganqbench.harness.interruption import Stopped, interruption
from ganqbench.harness.ledger import Ledger
from ganqbench.harness.plan import Plan, Planned
from ganqbench.harness.process import Outcome
from ganqbench.harness.recording import Recorder
from ganqbench.home import home
from ganqbench.records.schema import Record
from ganqbench.records.store import InvalidRecord, clean, read, stamp, write

POLL_S = 0.2
ELSEWHERE_S = 1.0
"""How long to wait before asking again whether another run gave a cell back."""


@dataclass(frozen=True)
class Summary:
    """How the cells of a run ended; `elsewhere` counts those that another run finished meanwhile."""

    statuses: Counter[str]
    failures: tuple[Record, ...]
    elsewhere: int


def run_plan(
    plan: Plan,
    results: Path,
    time_limit_s: float,
    executor: Executor,
    *,
    retries: int = RETRIES,
    quiet: bool = False,
    begin: Callable[[], None] | None = None,
) -> Summary:
    """Run every cell of `plan.todo` and write its record below `results`; `begin` is called before the first.

    A cell that fails never stops the others; one that another run is working on is left to it. Raises
    UserError when the weights of a GAN are missing or altered or a record can't be written, and
    Stopped after SIGINT, SIGTERM or SIGHUP. In each case running cells are given up and finished
    records stay.
    """
    check_weights(plan)
    try:
        claims = Claims(results)
    except OSError as error:
        raise UserError(
            f"{results} can't be written: {error.strerror or error}.", "Give another folder with --results."
        ) from error
    with (
        interruption() as signals,
        claims,
        tqdm(total=len(plan.todo), unit="cell", disable=True if quiet else None) as bar,
        executor,
    ):
        if begin is not None and plan.todo:
            begin()
        driver = _Driver(plan, results, Task({}, time_limit_s, retries), executor, claims, bar)
        while driver.busy:
            if signals.number is not None:
                driver.stop()
                raise Stopped(signals.number, len(driver.records), driver.left)
            try:
                driver.step()
            except UserError:
                driver.stop()
                raise
    failures = tuple(record for record in driver.records if record.status == "failed")
    return Summary(Counter(record.status for record in driver.records), failures, driver.elsewhere)


def check_weights(plan: Plan) -> None:
    """Load every GAN once, so that missing or altered weights stop the run before any record changes."""
    for gan in dict.fromkeys(item.cell.gan for item in plan.todo if item.skip is None):
        plan.gans.entry(gan).load()


@dataclass
class _Driver:
    """The state of a run between two steps."""

    plan: Plan
    results: Path
    bounds: Task
    executor: Executor
    claims: Claims
    bar: tqdm[None]
    records: list[Record] = field(default_factory=list)
    elsewhere: int = 0

    def __post_init__(self) -> None:
        # Baselines come first; cells that need one wait for it inside `Baselines.array`.
        self.waiting = deque(self.plan.todo)
        self.running: dict[Future[Outcome], Planned] = {}
        self.ledger = Ledger(home())
        self.recorder = Recorder.of(self.plan)

    @property
    def busy(self) -> bool:
        """Whether a cell has no record yet."""
        return bool(self.waiting or self.running)

    @property
    def left(self) -> int:
        """Cells without a record of this run."""
        return len(self.waiting) + len(self.running)

    def step(self) -> None:
        """Start what can be started, wait a moment, and write down what ended."""
        self._start()
        if not self.running:
            if self.waiting:  # all of them are another run's
                self.bar.set_postfix_str("waiting for another run's cells")
                time.sleep(ELSEWHERE_S)
            return
        ended, _ = wait(self.running, timeout=POLL_S, return_when=FIRST_COMPLETED)
        for future in ended:
            self._finish(self.running.pop(future), future.result())

    def stop(self) -> None:
        """Give up what runs, but keep what has ended."""
        self.executor.stop()
        ended, _ = wait(self.running, timeout=10 * POLL_S)
        for future in ended:
            if not future.cancelled() and future.exception() is None:
                self._finish(self.running.pop(future), future.result())

    def _start(self) -> None:
        free = self.executor.slots - len(self.running)
        for _ in range(len(self.waiting)):
            if free <= 0:
                return
            item = self.waiting.popleft()
            if not self.claims.take(item.cell):
                self.waiting.append(item)
            elif self._made_elsewhere(item):
                self.claims.give_back(item.cell)
                self.elsewhere += 1
                self.bar.update()
            elif item.skip is not None:
                self._finish(item, Outcome({"status": "skipped", "reason": item.skip.reason}, None))
            else:
                clean(self.results / item.cell.path)
                self.running[self.executor.submit(self._task(item))] = item
                free -= 1

    def _task(self, item: Planned) -> Task:
        job = {
            "cell": item.cell.model_dump(mode="json"),
            "protocol": item.protocol.model_dump(mode="json"),
            "key": item.key,
            "baseline_key": self.plan.baselines[item.cell.gan],
            "checkpoint": self.plan.gans.job(),
            "expected": asdict(item.expected),
        }
        return Task(job, self.bounds.time_limit_s, self.bounds.retries)

    def _finish(self, item: Planned, outcome: Outcome) -> None:
        try:
            record = self.recorder.record(item, outcome)
            preview = outcome.preview
        except ValueError as error:  # numbers that no record may hold
            reason = f"What the cell's process reported is no result: {str(error)[:1500]}"
            record, preview = self.recorder.record(item, _refused(outcome, reason)), None
        try:
            self.ledger.add(record)
            write(record, preview, self.results)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise UserError(
                f"The record of {item.cell} can't be written: {error.strerror or error}{where}.",
                "Put that right and give the same command again; finished cells are kept.",
            ) from error
        self.claims.give_back(item.cell)
        self.records.append(record)
        self.bar.set_postfix_str(f"{item.cell.label}: {record.status}")
        self.bar.update()

    def _made_elsewhere(self, item: Planned) -> bool:
        """Whether another run has written this cell's record since this one was planned."""
        path = self.results / item.cell.path
        if stamp(path) == item.seen:
            return False
        try:
            record = read(path)
        except (OSError, InvalidRecord):
            return False
        trusted = self.plan.ledger is None or record.hash in self.plan.ledger.hashes()
        return trusted and record.cell == item.cell and record.provenance.key == item.key


def _refused(outcome: Outcome, reason: str) -> Outcome:
    """What is kept of it; a cell that was started and did not say how often was so once."""
    kept: dict[str, Any] = {
        name: outcome.document[name] for name in ("hardware", "attempts") if name in outcome.document
    }
    return Outcome({"attempts": 1, **kept, "status": "failed", "reason": reason}, None)
