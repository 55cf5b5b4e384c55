"""What the site costs: 300 records, plots included, built from nothing and then again.

    python benchmarks/site_cost.py [--records 300]

The committed records are copied, under more method names once all are, until there are enough. CPU seconds
of the whole command are counted, import included: on two cores the wall clock is no more than that.
Half a minute on a quiet machine.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from figures import options, publish

from ganqbench.records.store import preview_path, record_files, seal, write

TARGET_S = 15


def fill(results: Path, target: Path, wanted: int) -> None:
    """Copies of the records below `results`, each as a method of its own, until there are so many."""
    sources = [(path, json.loads(path.read_bytes())) for path in record_files(results)]
    sources = [(path, made) for path, made in sources if made["schema"] == 2]
    if all(made["cell"]["adapter"] == "fp32" for _, made in sources):
        sys.exit(f"{results} has no records of quantized generators to copy: give the folder with --results.")
    made = 0
    for round_ in count():
        for path, document in sources:
            if made == wanted:
                return
            cell = document["cell"]
            if round_ and cell["adapter"] == "fp32":
                continue
            name = cell["method"] if not round_ else f"{cell['method']}-{round_}"
            body = {key: value for key, value in document.items() if key != "hash"}
            image = preview_path(path)
            record = seal({**body, "cell": {**cell, "method": name}})
            write(record, image.read_bytes() if image.is_file() else None, target)
            made += 1


def measure(results: Path, out: Path, *, again: bool = False) -> dict[str, float]:
    """CPU and wall-clock seconds of one build, the second of two if `again`."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-P", "-m", "ganqbench", "site", "--results", str(results), "--out", str(out)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    if ("as they were" in said) != again:
        sys.exit("The site's code changed while it was measured: measure again.")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(spent, 2), "wall_s": round(time.perf_counter() - start, 2)}


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--records", type=int, default=300)
    parser.add_argument("--results", type=Path, default=Path("results"))
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        results, out = Path(folder, "results"), Path(folder, "site")
        fill(chosen.results, results, chosen.records)
        found = {
            "records": chosen.records,
            "from_nothing": measure(results, out),
            "unchanged": measure(results, out, again=True),
        }
    publish(__file__, arguments, chosen, found)
    if found["from_nothing"]["cpu_s"] > TARGET_S:
        sys.exit(f"More than {TARGET_S} s.")


if __name__ == "__main__":
    main(sys.argv[1:])
