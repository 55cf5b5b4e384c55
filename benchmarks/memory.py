"""Memory that evaluating a cell takes, and how it grows with N.

    python benchmarks/memory.py --out docs/speed/memory.json

The largest resident size of fresh processes that evaluate few and many images, with all metrics of a record.
A stand-in makes the features: a network's own memory would hide what grows with N.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from figures import options, publish
from overhead import Standin, evaluate


def memory(few: int, many: int, dim: int) -> dict[str, Any]:
    """Largest resident sizes, and the largest that the larger one may have."""
    peaks = [_peak(n, dim) for n in (few, many)]
    kept = 2 * 4 * dim * (many - few)
    limit = 1.1 * peaks[0] + kept
    return {
        "images": [few, many],
        "features": dim,
        "peaks": peaks,
        "kept": kept,
        "limit": limit,
        "share_of_limit": peaks[1] / limit,
    }


def _peak(n: int, dim: int) -> int:
    """VmHWM of a fresh process in bytes; its ru_maxrss would start with that of this one."""
    command = [sys.executable, __file__, "--child", str(n), "--features", str(dim)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def _resident() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def main(arguments: list[str]) -> None:
    """Print the figures and write them."""
    parser = options(__doc__)
    parser.add_argument("--images", type=int, default=5000, help="of the smaller process")
    parser.add_argument("--many", type=int, default=50_000, help="images of the larger process")
    parser.add_argument("--features", type=int, default=192, help="per image")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if chosen.child:
        evaluate(chosen.child, Standin(chosen.features, 32))
        print(_resident())
        return
    publish(__file__, arguments, chosen, {"memory": memory(chosen.images, chosen.many, chosen.features)})


if __name__ == "__main__":
    main(sys.argv[1:])
