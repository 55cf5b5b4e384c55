"""How a benchmark says where its figures come from: command, date, commit and machine, in one JSON file."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganqbench.harness.provenance import git_state, hardware, now


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that all of them have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--busy", action="store_true", help="say that the machine had other work to do")
    parser.add_argument("--out", type=Path, help="file for the figures")
    return parser


def publish(
    script: str,
    arguments: Sequence[str],
    chosen: argparse.Namespace,
    figures: Mapping[str, Any],
    threads: int = 1,
) -> dict[str, Any]:
    """Prints ``figures`` with their origin, writes them to ``chosen.out`` if there is one, returns them."""
    commit, dirty = git_state(Path.cwd())
    document = {
        "command": shlex.join(["python", f"benchmarks/{Path(script).name}", *arguments]),
        "date": now(),
        "commit": commit,
        "dirty": dirty,
        "busy": chosen.busy,
        "hardware": hardware(threads),
        **figures,
    }
    text = json.dumps(document, indent=1) + "\n"
    print(text, end="")
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(text, encoding="utf-8")
    return document
