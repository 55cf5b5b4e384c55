"""Where and with what a cell was run."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tomllib
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

PACKAGE = "ganqbench"
SOURCES = (".py", ".toml")
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
    """Commit of this project's checkout that holds `folder`, and whether what runs differs from it.

    (None, None) outside of one: another project's commit says nothing of a record. Files below results/
    don't count as changes, since a run writes them; an installed package of other sources does.
    """
    top, commit = (_git(folder, "rev-parse", what) for what in ("--show-toplevel", "HEAD"))
    if top is None or commit is None or not _is_ours(Path(top.rstrip("\n"))):
        return None, None
    if not _is_installed_from(Path(top.rstrip("\n"))):
        return commit.strip(), True
    changes = _git(
        folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)results"
    )
    return commit.strip(), None if changes is None else bool(changes.strip())


def _is_ours(top: Path) -> bool:
    try:
        project = tomllib.loads((top / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(project == PACKAGE)


def _is_installed_from(top: Path) -> bool:
    """Whether the package that runs has the sources of this checkout."""
    pairs = (("bench", PACKAGE), ("adapters", f"{PACKAGE}.adapters"))
    return all(_sources(top / folder) == _sources(Path(str(files(name)))) for folder, name in pairs)


def _sources(folder: Path) -> dict[Path, bytes]:
    """Path and content of a package's sources, less those of a package `adapters` inside."""
    named = {path.relative_to(folder): path for path in folder.rglob("*") if path.suffix in SOURCES}
    return {name: path.read_bytes() for name, path in named.items() if name.parts[0] != "adapters"}


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
