"""Run a plan: cells side by side on this machine, each record written as soon as it is there."""

from __future__ import annotations

import shlex
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ganqbench.cell import Cell
from ganqbench.harness.gans import Gans
from ganqbench.harness.home import home
from ganqbench.harness.ledger import Ledger
from ganqbench.harness.plan import Plan, Planned
from ganqbench.harness.process import Interrupted, Outcome, run_process
from ganqbench.harness.provenance import git_state, hardware, now
from ganqbench.harness.worker import THREADS
from ganqbench.records.schema import SCHEMA, Record
from ganqbench.records.store import clean, seal, write


@dataclass(frozen=True)
class Summary:
    """How the cells of a run ended."""

    statuses: Counter[str]
    failures: tuple[Record, ...]


def run_plan(plan: Plan, results: Path, time_limit_s: float, jobs: int, *, quiet: bool = False) -> Summary:
    """Run every cell of `plan.todo`, `jobs` at a time, and write its record below `results`.

    Raises UserError when the weights of a GAN are missing or altered. A cell that fails never stops the
    others. On KeyboardInterrupt the running cells are given up, finished records stay, and the exception
    goes on.
    """
    check_weights(plan)
    clean(results)
    stop, ledger = threading.Event(), Ledger(home())
    context = _Context(hardware(THREADS), git_state(Path.cwd()), home() / "baselines", plan, time_limit_s)
    records: list[Record] = []
    bar = tqdm(total=len(plan.todo), unit="cell", disable=True if quiet else None)
    # Baselines come first in the plan; cells that need one wait for it inside `Baselines.array`.
    with bar, ThreadPoolExecutor(jobs) as pool:
        waiting: set[Future[tuple[Planned, Outcome]]] = {
            pool.submit(_run_cell, item, context, stop) for item in plan.todo
        }
        try:
            while waiting:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    item, outcome = future.result()
                    record = make_record(item, outcome, context)
                    ledger.add(record)
                    write(record, outcome.preview, results)
                    records.append(record)
                    bar.set_postfix_str(f"{item.cell.label}: {record.status}")
                    bar.update()
        except BaseException:
            stop.set()
            for future in waiting:
                future.cancel()
            raise
    failures = tuple(record for record in records if record.status == "failed")
    return Summary(Counter(record.status for record in records), failures)


def check_weights(plan: Plan) -> None:
    """Load every GAN once, so that missing or altered weights stop the run before any record changes."""
    for gan in dict.fromkeys(item.cell.gan for item in plan.todo if item.skip is None):
        plan.gans.entry(gan).load()


@dataclass(frozen=True)
class _Context:
    hardware: dict[str, Any]
    git: tuple[str | None, bool | None]
    baselines: Path
    plan: Plan
    time_limit_s: float


def _run_cell(item: Planned, context: _Context, stop: threading.Event) -> tuple[Planned, Outcome]:
    if item.skip is not None:
        return item, Outcome({"status": "skipped", "reason": item.skip.reason}, None)
    if stop.is_set():
        raise Interrupted
    job = {
        "cell": item.cell.model_dump(mode="json"),
        "protocol": item.protocol.model_dump(mode="json"),
        "baselines": str(context.baselines),
        "baseline_key": context.plan.baselines[item.cell.gan],
        "checkpoint": context.plan.gans.job(),
    }
    return item, run_process(job, context.time_limit_s, stop)


def make_record(item: Planned, outcome: Outcome, context: _Context) -> Record:
    """The sealed record of a cell's outcome."""
    found = outcome.document
    commit, dirty = context.git
    document = {
        "schema": SCHEMA,
        "status": found["status"],
        "cell": item.cell.model_dump(mode="json"),
        "metrics": found.get("metrics", {}),
        "audit": found.get("audit"),
        "deploy": None,
        "cost": {"phases": found.get("phases", {}), "peak_memory": found.get("peak_memory")},
        "tolerance": item.tolerance,
        "preview": found.get("preview"),
        "provenance": {
            "key": item.key,
            "numeric_code": item.code,
            "suite": item.suite_digest,
            "weights": item.weights,
            "protocol": item.protocol.counts(),
            "inputs": found.get("inputs", {}),
            "baseline_images": found.get("baseline_images"),
            "versions": item.versions,
            "commit": commit,
            "dirty": dirty,
            "hardware": context.hardware,
            "command": command(item.cell, context.plan.gans),
            "seeds": {"cell": item.cell.seed},
            "finished": now(),
        },
        "reason": found.get("reason"),
    }
    return seal(document)


def command(cell: Cell, gans: Gans) -> str:
    """The command that runs this one cell."""
    parts: Sequence[str] = [
        *("ganqbench", "run", *gans.arguments(cell.suite), "--gan", cell.gan, "--adapter", cell.adapter),
        *("--method", cell.method, "--bits", str(cell.bits), "--seed", str(cell.seed)),
    ]
    return shlex.join(parts)
