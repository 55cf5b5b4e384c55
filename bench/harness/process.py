"""One cell in its own process, with a time limit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganqbench.harness.worker import PINNED

POLL_S = 0.1


@dataclass(frozen=True)
class Outcome:
    """What a cell's process left: the outcome document and the preview image."""

    document: dict[str, Any]
    preview: bytes | None


class Interrupted(Exception):
    """The run was told to stop while this cell was running."""


def run_process(job: dict[str, Any], time_limit_s: float, stop: threading.Event) -> Outcome:
    """Run a job to its end; a crash, a signal or the time limit gives a failed outcome that says so.

    Raises Interrupted when `stop` is set. The whole process group is killed, so that nothing the
    cell started outlives it.
    """
    with tempfile.TemporaryDirectory(prefix="ganqbench-cell-") as folder:
        out = Path(folder)
        (out / "job.json").write_text(json.dumps({**job, "driver": os.getpid()}), encoding="utf-8")
        with (out / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ganqbench.harness.worker", str(out / "job.json"), folder],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **PINNED},
                start_new_session=True,
            )
            try:
                ended = _wait(process, time_limit_s, stop)
            finally:
                _kill_group(process)
        if not ended:
            return _failed(f"Stopped at the time limit of {time_limit_s:.0f} s.")
        try:
            document = json.loads((out / "outcome.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return _failed(_crash(process.returncode, out / "log"))
        preview = out / "preview.webp"
        return Outcome(document, preview.read_bytes() if document["status"] == "ok" else None)


def _wait(process: subprocess.Popen[bytes], time_limit_s: float, stop: threading.Event) -> bool:
    """Whether the process ended within its limit."""
    deadline = time.monotonic() + time_limit_s
    while time.monotonic() < deadline:
        if stop.is_set():
            raise Interrupted
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            continue
        return True
    return False


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _failed(reason: str) -> Outcome:
    return Outcome({"status": "failed", "reason": reason}, None)


def _crash(code: int, log: Path) -> str:
    tail = log.read_bytes()[-1500:].decode("utf-8", "replace").strip()
    if code < 0:
        name = signal.Signals(-code).name
        how = f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    else:
        how = f"exited with {code} before it had a result"
    return f"The cell's process {how}. Last output: {tail}"
