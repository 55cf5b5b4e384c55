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

from ganqbench.cell import Cell
from ganqbench.errors import UserError
from ganqbench.harness.claims import Claims
from ganqbench.harness.executor import RETRIES, Executor, Task
from ganqbench.harness.image_cache import has_images
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
    """How the cells of a run ended."""

    statuses: Counter[str]
    """Of the records that it wrote."""
    failures: tuple[Record, ...]
    """Cells that failed, in this run or meanwhile in another."""
    elsewhere: int
    """How many cells another run finished meanwhile."""
    not_here: frozenset[Cell]
    """Cells that can't run here and were measured elsewhere, whose records were left as they are."""


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
                raise Stopped(
                    signals.number,
                    f"{len(driver.records)} cells finished and kept, {driver.left} left. "
                    "The same command goes on from here.",
                )
            try:
                driver.step()
            except UserError:
                driver.stop()
                raise
    return driver.summary()


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
    elsewhere: list[Record] = field(default_factory=list)
    not_here: set[Cell] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.waiting = deque(self.plan.todo)  # baselines first
        self.with_images: set[str] = set()
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

    def summary(self) -> Summary:
        """How the cells ended so far."""
        failures = [each for each in (*self.records, *self.elsewhere) if each.status == "failed"]
        statuses = Counter[str](record.status for record in self.records)
        return Summary(statuses, tuple(failures), len(self.elsewhere), frozenset(self.not_here))

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
        # Whose images one cell is making: another would wait for them, and spend its time limit on that.
        making = {item.cell.gan for item in self.running.values() if self._lacks_images(item)}
        for _ in range(len(self.waiting)):
            if free <= 0:
                return
            item = self.waiting.popleft()
            must_wait = item.skip is None and item.cell.gan in making
            if must_wait or not self.claims.take(item.cell):
                self.waiting.append(item)
            elif (record := self._made_elsewhere(item)) is not None:
                self.elsewhere.append(record)
                self._leave(item)
            elif item.lacking and self._is_measured(item):
                self.not_here.add(item.cell)
                self._leave(item)
            elif item.skip is not None:
                self._finish(item, Outcome({"status": "skipped", "reason": item.skip.reason}, None))
            else:
                clean(self.results / item.cell.path)
                self.running[self.executor.submit(self._task(item))] = item
                free -= 1
                if self._lacks_images(item):
                    making.add(item.cell.gan)

    def _lacks_images(self, item: Planned) -> bool:
        """Whether the full-precision images of the cell's GAN are known not to be there."""
        gan = item.cell.gan
        if gan not in self.with_images and has_images(self.plan.baselines[gan], self.plan.images):
            self.with_images.add(gan)
        return self.executor.shares_cache and gan not in self.with_images

    def _task(self, item: Planned) -> Task:
        job = {
            "cell": item.cell.model_dump(mode="json"),
            "protocol": item.protocol.model_dump(mode="json"),
            "key": item.key,
            "baseline_key": self.plan.baselines[item.cell.gan],
            "images": None if self.plan.images is None else str(self.plan.images.resolve()),
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

    def _leave(self, item: Planned) -> None:
        """Be done with a cell whose record stays as it is."""
        self.claims.give_back(item.cell)
        self.bar.update()

    def _made_elsewhere(self, item: Planned) -> Record | None:
        """The cell's record if another run has written it since this one was planned."""
        if stamp(self.results / item.cell.path) == item.seen:
            return None
        record = self._present(item)
        if record is None or record.provenance.key != item.key:
            return None
        trusted = self.plan.ledger is None or record.hash in self.plan.ledger.hashes()
        return record if trusted else None

    def _is_measured(self, item: Planned) -> bool:
        """Whether the cell has a record that says more than that it could not run."""
        record = self._present(item)
        return record is not None and record.status != "skipped"

    def _present(self, item: Planned) -> Record | None:
        """The cell's record in the results folder, of whatever code."""
        try:
            record = read(self.results / item.cell.path)
        except (OSError, InvalidRecord):
            return None
        return record if record.cell == item.cell else None


def _refused(outcome: Outcome, reason: str) -> Outcome:
    """What is kept of it; a cell that was started and did not say how often was so once."""
    kept: dict[str, Any] = {
        name: outcome.document[name] for name in ("hardware", "attempts") if name in outcome.document
    }
    return Outcome({"attempts": 1, **kept, "status": "failed", "reason": reason}, None)
