"""Where and with what a cell was run."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Instruction sets that change which kernels run, and so the last bits of a result.
ISA = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "sve", "i8mm")


def hardware(threads: int) -> dict[str, Any]:
    """CPU model, instruction sets, cores, threads per cell and operating system."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    return {
        "cpu": (model[1] if model else platform.processor() or platform.machine())[:200],
        "isa": [name for name in ISA if name in present],
        "cores": os.cpu_count() or 1,
        "threads": threads,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}"[:200],
    }


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Commit of the checkout that holds `folder` and whether its sources differ; (None, None) outside one.

    Files below results/ don't count as changes: a run writes them.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _git(
        folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)results"
    )
    return commit.strip(), None if changes is None else bool(changes.strip())


def now() -> str:
    """Current time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
