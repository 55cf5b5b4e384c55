"""Where things that can be made again are kept."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """`$GANQBENCH_HOME`, by default the user's cache folder."""
    configured = os.environ.get("GANQBENCH_HOME")
    if configured:
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ganqbench"
