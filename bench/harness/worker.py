"""The process of one cell: `python -m ganqbench.harness.worker JOB OUT`.

It runs with one thread, measures the cell and leaves `outcome.json` and `preview.webp` in OUT; of a part
of a cell, or from all of its parts, see `cell_job`. Whatever happens here, the driver turns it into a record.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganqbench.harness.phases import Phases


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its driver dies, so that no orphan keeps a core."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            raise SystemExit("the driver is gone")


def run_job(job: dict[str, Any], out: Path) -> dict[str, Any]:
    """Do what a job asks for; returns the outcome document and writes its files."""
    from ganqbench.adapter import load_adapter
    from ganqbench.cell import Cell
    from ganqbench.errors import UserError
    from ganqbench.harness.cell_job import CellJob
    from ganqbench.harness.expectation import Expected, expectation
    from ganqbench.harness.gans import Gans
    from ganqbench.harness.image_cache import image_cache
    from ganqbench.harness.judge_files import judge_hashes
    from ganqbench.harness.measure import CellFailed
    from ganqbench.harness.outcome import phase_document
    from ganqbench.harness.parts import Part, PartsDiffer
    from ganqbench.harness.phases import Phases
    from ganqbench.harness.pinned import pin
    from ganqbench.home import home
    from ganqbench.protocol import Protocol
    from ganqbench.recipes.recipe import Inapplicable

    pin(job["cell"]["seed"])
    cell = Cell.model_validate(job["cell"])
    protocol = Protocol.model_validate(job["protocol"])
    phases = Phases()
    baselines = image_cache(job["baseline_key"], job["images"])
    # Named by what makes a record current, so that no training goes on under other code.
    unfinished = home() / "unfinished" / f"{job['key'].removeprefix('sha256:')}.part"
    outcome: dict[str, Any] = {"status": "failed"}
    enter_start(phases, job["started"])
    try:
        found = Gans.of(job["checkpoint"]).entry(cell.gan)
        adapter = load_adapter(cell.adapter)
        declined = adapter.declines(cell)
        if declined is not None:  # here is less than where the cell was planned: no GPU, say
            raise Inapplicable(declined.reason)
        refusal = Expected(**job["expected"]).refusal(expectation(cell, found, adapter, protocol))
        if refusal is not None:
            raise CellFailed(refusal)
        outcome["inputs"] = {
            split: found.inputs(split, protocol.resolution).identity for split in ("calibrate", "final")
        } | judge_hashes(found, protocol)
        here = CellJob(cell, found, protocol, phases, out, unfinished)
        if "parts" in job:
            outcome |= here.join(job["parts"])
        elif "part" in job:
            outcome |= here.run_part(adapter, baselines, Part(*job["part"]))
        else:
            outcome |= here.run(adapter, baselines)
    except (CellFailed, PartsDiffer, UserError) as failure:
        outcome["reason"] = str(failure)
    except Inapplicable as refusal:
        outcome |= {"status": "skipped", "reason": str(refusal)}
    except Exception as failure:  # a backend may raise anything; the record says what
        traceback.print_exc()
        phase = phases.current or "start"
        outcome["reason"] = f"{type(failure).__name__} during {phase}: {failure}"[:2000]
    outcome["phases"] = phase_document(phases)
    return outcome


def enter_start(phases: Phases, started: float) -> None:
    """Enter what passed since the driver started this process, mostly imports, as phase `start`."""
    phases.seconds["start"] = (time.monotonic() - started, time.process_time())


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    try:
        # What `getrusage` says would begin with the driver's size, from between its fork and this exec.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(job_file: str, out: str) -> None:
    """Run the job in `job_file` and leave its outcome in the folder `out`."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    die_with_parent(job["driver"])
    outcome = run_job(job, Path(out))
    outcome["peak_memory"] = peak_memory()
    temporary = Path(out) / "outcome.tmp"
    temporary.write_text(json.dumps(outcome), encoding="utf-8")
    os.replace(temporary, Path(out) / "outcome.json")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
