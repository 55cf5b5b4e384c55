"""How a grid of 24 cells scales over workers, and what 10,000 records cost to check and show.

    python benchmarks/scaling.py --out docs/stress.json

Run it on a machine that does nothing else. It writes the figures with the command, date and machine; those
named in `LIMITS` that are missed make it exit with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ganqbench.harness.provenance import git_state, hardware, now
from ganqbench.records.schema import Record
from ganqbench.records.store import preview_path, read, record_files, seal, write

SUITE = """
name = "scaling"
version = 0
title = "24 cells of equal size"
cpu_hours = 0.2
time_limit_s = 600
[protocol.cyclegan-edges2emoji]
resolution = 64
calibrate = 32
final = 512
batch = 32
preview_bytes = 48000
[tolerance]
psnr = 0.2
[[grid]]
gan = "cyclegan-edges2emoji"
methods = ["brevitas.ptq-minmax"]
bits = ["W8A8"]
seeds = [{seeds}]
"""
LIMITS: dict[str, Callable[[float], bool]] = {
    "speedup_of_2_workers": lambda value: value >= 1.8,
    "validate_10000_records_s": lambda value: value <= 20,
    "site_10000_records_gb": lambda value: value <= 2,
}


def ganqbench(folder: Path, *arguments: str) -> float:
    """Seconds that a command took; SystemExit with its words if it failed."""
    started = time.perf_counter()
    environment = {**os.environ, "GANQBENCH_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ganqbench", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - started


def scaling(cells: int, executor: Sequence[str]) -> dict[str, float | bool]:
    """Wall-clock seconds of one grid on one worker and on two, and whether the numbers are the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = folder / "scaling.toml"
        suite.write_text(SUITE.format(seeds=", ".join(map(str, range(cells)))), encoding="utf-8")
        run = ("run", "--suite", str(suite), *executor)
        ganqbench(folder, *run, "--adapter", "fp32", "--results", "warm")  # the images of full precision
        one, two = (ganqbench(folder, *run, "--jobs", jobs, "--results", jobs) for jobs in ("1", "2"))
        same = _numbers(folder / "1") == _numbers(folder / "2")
    return {"one_worker_s": one, "two_workers_s": two, "speedup_of_2_workers": one / two, "same_bits": same}


def _numbers(results: Path) -> list[tuple[str, Any, Any, Any]]:
    found = [read(path) for path in record_files(results)]
    return [(str(each.cell), each.metrics, each.audit, each.preview) for each in found]


def many(count: int, results: Path) -> dict[str, float]:
    """Seconds to validate, and memory to show, copies of a results folder's records under other seeds."""
    originals = [
        (record, preview_path(path).read_bytes())
        for path in record_files(results)
        if (record := read(path)).status == "ok" and not record.cell.is_baseline
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(count):
            record, image = originals[index % len(originals)]
            write(_under_another_seed(record, index), image, folder / "results")
        validate = ganqbench(folder, "validate", "results")
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        site = ganqbench(folder, "site", "--results", "results", "--out", "site")
        peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    return {
        f"validate_{count}_records_s": validate,
        f"site_{count}_records_s": site,
        f"site_{count}_records_gb": peak * 1024 / 1e9,
    }


def _under_another_seed(record: Record, seed: int) -> Record:
    document = record.model_dump(mode="json", by_alias=True, exclude={"hash"})
    # A suite that nobody published, since a published one has no such seeds.
    return seal({**document, "cell": {**document["cell"], "suite": "many", "seed": seed}})


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(description="Figures of scale.")
    parser.add_argument("--cells", type=int, default=24)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--results", type=Path, default=Path("results"), help="records to copy")
    parser.add_argument("--dask", action="store_true", help="on Dask workers")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args(arguments)
    figures = {
        **many(chosen.records, chosen.results),
        **scaling(chosen.cells, ("--executor", "dask") if chosen.dask else ()),
    }
    commit, dirty = git_state(Path.cwd())
    document = {
        "command": shlex.join(["python", "benchmarks/scaling.py", *arguments]),
        "date": now(),
        "commit": commit,
        "dirty": dirty,
        "hardware": hardware(1),
        "figures": figures,
    }
    text = json.dumps(document, indent=1) + "\n"
    print(text, end="")
    if chosen.out:
        chosen.out.write_text(text, encoding="utf-8")
    missed = [name for name, holds in LIMITS.items() if name in figures and not holds(figures[name])]
    if not figures["same_bits"]:
        missed.append("same_bits")
    for name in missed:
        print(f"missed: {name} is {figures[name]}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
