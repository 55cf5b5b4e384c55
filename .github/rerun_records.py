"""Run submitted cells again and compare: python .github/rerun_records.py [--sample K] RECORD.json ...

A published suite is taken from the package. A suite of one's own lies beside its records as
`results/<name>-v<version>/suite.toml`. Exit status 1 when a number differs by more than the
record's tolerance, or a cell ends otherwise than recorded.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ganqbench.records.schema import Record
from ganqbench.records.store import InvalidRecord, read
from ganqbench.suite import suite_names


def differences(old: Record, new: Record) -> Iterator[str]:
    """What a re-run found otherwise than recorded, one sentence each."""
    if (old.status, new.status) != ("ok", "ok"):
        if old.status != new.status:
            yield f"recorded as {old.status}, now {new.status}: {new.reason or old.reason}"
        return
    for name, allowed in old.tolerance.items():
        if name in old.metrics and name in new.metrics:
            found = abs(old.metrics[name].value - new.metrics[name].value)
            if found > allowed:
                yield f"{name} differs by {found:.4g}; {allowed:g} is allowed"
    if old.audit and new.audit and abs(old.audit.coverage - new.audit.coverage) > 1e-6:
        yield f"coverage was {old.audit.coverage:.4f} and is {new.audit.coverage:.4f}"


def run_again(path: Path, record: Record, results: Path) -> Record:
    """The record of the same cell run here."""
    cell = record.cell
    suite = cell.suite if cell.suite in suite_names() else str(path.parents[1] / "suite.toml")
    command = ["run", "--suite", suite, "--gan", cell.gan, "--adapter", cell.adapter, "--method", cell.method]
    command += ["--bits", str(cell.bits), "--seed", str(cell.seed), "--results", str(results)]
    # -P keeps the checkout's own `site` folder off the import path.
    subprocess.run([sys.executable, "-P", "-m", "ganqbench", *command], check=False)
    return read(results / cell.path)


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(description="Run submitted cells again and compare.")
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, default=8, help="at most so many of them, evenly spread")
    chosen = parser.parse_args(arguments)
    step = max(1, -(-len(chosen.records) // chosen.sample))
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(chosen.records)[::step]:
            try:
                old = read(path)
                found = list(differences(old, run_again(path, old, Path(folder))))
            except (InvalidRecord, OSError) as error:
                found = [str(error)]
            faults += len(found)
            print(f"{path}: {'; '.join(found) or 'agrees'}", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
