"""What scale and faults do, at full size: python benchmarks/stress.py [PART ...]

    grid      24 cells on two workers against one: the speed, the same numbers, and what `plan` said
    kills     100 kill -9 of cells and of the driver over a run, of which a test holds that none loses or
              doubles a record
    mutants   1,000 records with something wrong, of which a test holds that none crashes `validate` or the
              site and none passes that breaks a rule
    commands  what the docs tell people to type, at full length where the tests ask for a plan or a part; not
              what is downloaded, or stands for a file or address of the reader's own
    records   10,000 records: time of `validate`, memory of the site

Run `grid` and `records` on a machine that does nothing else. Each part enters its figures with command, date
and machine into docs/stress.json, from which docs/stress.md is made; a figure that misses its limit makes
the command exit with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
calibrate = 8
final = {final}
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
ROOT = Path(__file__).parents[1]
JSON, PAGE = ROOT / "docs/stress.json", ROOT / "docs/stress.md"


@dataclass(frozen=True)
class Limit:
    """What a figure must reach: at least or at most a value."""

    words: str
    value: float

    def holds(self, figure: float) -> bool:
        """Whether a figure reaches it."""
        return figure >= self.value if self.words == "at least" else figure <= self.value


LIMITS = {
    "speedup_of_2_workers": Limit("at least", 1.8),
    "same_bits": Limit("at least", 1),
    "error_of_the_plan": Limit("at most", 0.3),
    "kills": Limit("at least", 100),
    "mutants": Limit("at least", 1000),
    "validate_s": Limit("at most", 20),
    "site_gb": Limit("at most", 2),
}
Figures = dict[str, float]


def ganqbench(folder: Path, *arguments: str) -> float:
    """Seconds that a command took; SystemExit with its words if it failed."""
    started = time.perf_counter()
    output(folder, *arguments)
    return time.perf_counter() - started


def watched(folder: Path, *arguments: str) -> tuple[float, float]:
    """Wall-clock seconds of a command and its largest resident memory in 1e9 bytes."""
    # Of this program alone: what `resource` says also holds the process it was started from.
    code = (
        "import re, sys; from pathlib import Path; from ganqbench.cli.main import cli; "
        "cli(sys.argv[1:], standalone_mode=False); "
        r"peak = re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text()); "
        "print(int(peak[1]) * 1024 / 1e9)"
    )
    started = time.perf_counter()
    printed = python(folder, "-c", code, *arguments)
    return time.perf_counter() - started, float(printed.splitlines()[-1])


def output(folder: Path, *arguments: str) -> str:
    """What a command printed; SystemExit with its words if it failed."""
    return python(folder, "-m", "ganqbench", *arguments)


def python(folder: Path, *arguments: str) -> str:
    """What Python printed; SystemExit with its words if it failed."""
    environment = {**os.environ, "GANQBENCH_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def grid(cells: int = 24, final: int = 384) -> Figures:
    """Wall-clock seconds of one grid on one worker and on two, and whether the numbers are the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = folder / "scaling.toml"
        seeds = ", ".join(map(str, range(cells)))
        suite.write_text(SUITE.format(seeds=seeds, final=final), encoding="utf-8")
        run = ("run", "--suite", str(suite))
        ganqbench(folder, *run, "--adapter", "fp32", "--results", "warm")  # the images of full precision
        one, two = (ganqbench(folder, *run, "--jobs", jobs, "--results", jobs) for jobs in ("1", "2"))
        same = _numbers(folder / "1") == _numbers(folder / "2")
        planning = ("plan", "--suite", str(suite), "--results", "1", "--workers", "2", "--json")
        planned = json.loads(output(folder, *planning))["whole"]["wall_s"]
    return {
        "cells": cells,
        "one_worker_s": one,
        "two_workers_s": two,
        "speedup_of_2_workers": one / two,
        "same_bits": int(same),
        "planned_for_two_workers_s": planned,
        "error_of_the_plan": abs(planned / two - 1),
    }


def _numbers(results: Path) -> list[tuple[str, Any, Any, Any]]:
    found = [read(path) for path in record_files(results)]
    return [(str(each.cell), each.metrics, each.audit, each.preview) for each in found]


def records(count: int = 10_000, results: Path = ROOT / "results") -> Figures:
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
        site, peak = watched(folder, "site", "--results", "results", "--out", "site")
    return {
        "records": count,
        "validate_s": validate,
        "site_s": site,
        "site_gb": peak,
    }


def _under_another_seed(record: Record, seed: int) -> Record:
    document = record.model_dump(mode="json", by_alias=True, exclude={"hash"})
    # Suites that nobody published, since a published one has no such seeds; one for each, as rows of two
    # suites can't be compared.
    cell = document["cell"]
    return seal({**document, "cell": {**cell, "suite": f"{cell['suite']}-many", "seed": seed}})


def tested(*nodes: str) -> Figures:
    """What tests count of themselves when they run at full size; SystemExit if one fails."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        environment = {**os.environ, "GANQBENCH_STRESS": "1", "GANQBENCH_FIGURES": str(file)}
        command = [sys.executable, "-P", "-m", "pytest", "-q", *nodes]
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            raise SystemExit("A test failed, see above; nothing is written.")
        found: Figures = json.loads(file.read_text(encoding="utf-8"))
    return found


PARTS: dict[str, Callable[[], Figures]] = {
    "grid": grid,
    "kills": lambda: tested("tests/harness/test_faults.py::test_random_kills_lose_and_double_nothing"),
    "mutants": lambda: tested("tests/records/test_mutants.py"),
    "commands": lambda: tested("tests/docs/test_commands.py::test_commands_run"),
    "records": records,
}


def page(parts: Mapping[str, Any]) -> str:
    """docs/stress.md from the content of docs/stress.json."""
    lines = [
        "# Stress",
        "",
        "Faults and scale at full size. `nox -s stress` measures all of it, `nox -s stress -- PART` a part;",
        "this page and `stress.json` beside it are written by `benchmarks/stress.py`.",
    ]
    for name in PARTS:
        lines += ["", f"## {name.capitalize()}", ""]
        if name not in parts:
            lines += ["Not measured yet."]
            continue
        part = parts[name]
        state = "" if part["commit"] is None else f" at commit {part['commit'][:12]}"
        state += ", with changes" if part["dirty"] else ""
        cpu = part["hardware"]["cpu"]
        lines += [
            f"`{part['command']}`, {part['date'][:10]}{state}, {part['hardware']['cores']} cores of {cpu}."
        ]
        lines += ["", "| figure | value | limit |", "|---|---:|---|"]
        for figure, value in part["figures"].items():
            limit = LIMITS.get(figure)
            bound = f"{limit.words} {limit.value:g}" if limit else ""
            lines.append(f"| {figure.replace('_', ' ')} | {value:.4g} | {bound} |")
    return "\n".join(lines) + "\n"


def missed(figures: Figures) -> list[str]:
    """Names of the figures that miss their limit."""
    return [name for name, value in figures.items() if name in LIMITS and not LIMITS[name].holds(value)]


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(description="Faults and scale at full size.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    chosen = parser.parse_args(arguments).parts or list(PARTS)
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; choose from {', '.join(PARTS)}")
    status = 0
    commit, dirty = git_state(ROOT)  # before the first part changes a page
    for name in chosen:
        figures = PARTS[name]()
        known = json.loads(JSON.read_text(encoding="utf-8")) if JSON.is_file() else {}
        known[name] = {
            "command": f"python benchmarks/stress.py {name}",
            "date": now(),
            "commit": commit,
            "dirty": dirty,
            "hardware": hardware(1),
            "figures": figures,
        }
        JSON.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(known), encoding="utf-8")
        print(f"{name}: {json.dumps(figures)}")
        for figure in missed(figures):
            print(f"missed: {figure} is {figures[figure]}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
