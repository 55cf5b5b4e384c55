"""One cell in its own process, with a time limit, tried again when the process itself died."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ganqbench.harness.pinned import ENVIRONMENT, THREADS
from ganqbench.harness.provenance import hardware

POLL_S = 0.1
MAX_OUTCOME_BYTES = 4_000_000
PASSED = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG", "LC_ALL", "TZ"),
        *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_HOME"),
        *("XDG_CACHE_HOME", "GANQBENCH_HOME"),
    )
)
"""Variables that a cell sees. Not the others: tokens are none of an adapter's business, and switches
of libraries would change numbers that no record tells of."""
PASS = "GANQBENCH_PASS"
"""Names of more variables that cells see, separated by spaces."""
PART_FILE = "part-"
"""Beginning of the names of files that a part of a cell leaves."""
DEVICES = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Outcome:
    """What a cell's process left: the outcome document and the preview image."""

    document: dict[str, Any]
    preview: bytes | None
    crashed: bool = False
    """The process died without a word, so another try may end otherwise."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What a part of a cell left for the join of all parts, by name."""


class Interrupted(Exception):
    """The run was told to stop while this cell was running."""


def run_cell(
    job: Mapping[str, Any],
    time_limit_s: float,
    retries: int,
    stopped: Callable[[], bool],
    accelerator: str | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Outcome:
    """Run a job on this machine to its end; a process that dies is started again up to `retries` times.

    `files` lie in its folder when it starts. With an `accelerator` the cell sees this process's CUDA
    devices, without one none. Raises Interrupted when `stopped()` turns true.
    """
    environment = cell_environment(os.environ, accelerator)
    attempt = 1
    start = partial(run_process, job, time_limit_s, stopped, environment, files or {})
    while (outcome := start()).crashed and attempt <= retries:
        attempt += 1
    document = outcome.document | {
        "hardware": hardware(THREADS) | {"accelerator": accelerator},
        "attempts": attempt,
    }
    if outcome.crashed and attempt > 1:
        document["reason"] = f"Given up after {attempt} attempts. {document['reason']}"
    return replace(outcome, document=document)


def cell_environment(outer: Mapping[str, str], accelerator: str | None) -> dict[str, str]:
    """The environment of a cell, made from that of its driver."""
    names = PASSED | set(outer.get(PASS, "").split())
    devices = outer.get(DEVICES) if accelerator else ""
    return {
        **{name: value for name, value in outer.items() if name in names},
        **ENVIRONMENT,
        **({} if devices is None else {DEVICES: devices}),
    }


def run_process(
    job: Mapping[str, Any],
    time_limit_s: float,
    stopped: Callable[[], bool],
    environment: Mapping[str, str],
    files: Mapping[str, bytes],
) -> Outcome:
    """Run a job once; a crash, a signal or the time limit gives a failed outcome that says so.

    The whole process group is killed at the end, so that nothing the cell started outlives it.
    """
    with tempfile.TemporaryDirectory(prefix="ganqbench-cell-") as folder:
        out = Path(folder)
        for name, content in files.items():
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_bytes(content)
        started = {"driver": os.getpid(), "started": time.monotonic()}
        (out / "job.json").write_text(json.dumps({**job, **started}), encoding="utf-8")
        with (out / "log").open("wb") as log:
            process = subprocess.Popen(
                # -P: a file in the current folder must not stand in for a library.
                [sys.executable, "-P", "-m", "ganqbench.harness.worker", str(out / "job.json"), folder],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
            try:
                ended = _wait(process, time_limit_s, stopped)
            finally:
                _kill_group(process)
        if not ended:
            return _failed(f"Stopped at the time limit of {time_limit_s:.0f} s.")
        try:
            return _result(out)
        except (OSError, ValueError, KeyError, TypeError):
            return replace(_failed(_crash(process.returncode, out / "log")), crashed=True)


def _wait(process: subprocess.Popen[bytes], time_limit_s: float, stopped: Callable[[], bool]) -> bool:
    """Whether the process ended within its limit."""
    deadline = time.monotonic() + time_limit_s
    while time.monotonic() < deadline:
        if stopped():
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


def _result(out: Path) -> Outcome:
    """What the process wrote; ValueError if it is not what a worker writes."""
    if (out / "outcome.json").stat().st_size > MAX_OUTCOME_BYTES:
        return _failed(f"The cell's outcome is over {MAX_OUTCOME_BYTES} bytes long.")
    document = json.loads((out / "outcome.json").read_text(encoding="utf-8"))
    preview = (out / "preview.webp").read_bytes() if document["status"] == "ok" else None
    left = sorted(out.glob(f"{PART_FILE}*"))
    return Outcome(document, preview, files={path.name: path.read_bytes() for path in left})


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
