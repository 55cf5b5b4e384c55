"""What else the machine did while something was timed, and how much memory that took."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BUSY = 0.1
"""Share of the machine's cores that others may use before a run is marked as one on a busy machine."""


@dataclass
class Load:
    """What else the machine did while this was watching."""

    watched: float = 0.0
    """Seconds on the clock."""
    burnt: float | None = 0.0
    """Seconds of the processor that everything else used meanwhile; None where the system doesn't tell."""

    @property
    def others(self) -> float | None:
        """How many cores everything else used on average; None where nobody knows."""
        return None if self.burnt is None or not self.watched else self.burnt / self.watched

    @property
    def busy(self) -> bool:
        """Whether what was watched was disturbed, or nobody knows."""
        unknown = self.burnt is None
        return unknown or (self.others is not None and self.others > BUSY * (os.cpu_count() or 1))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Add what happens while the inside runs; of this process only threads, not children, are its own."""
        started, own, whole = time.perf_counter(), time.process_time(), _processor_seconds()
        yield
        after, elapsed = _processor_seconds(), time.perf_counter() - started
        self.watched += elapsed
        if whole is None or after is None or self.burnt is None:
            self.burnt = None
        else:
            self.burnt += max(0.0, after - whole - (time.process_time() - own))


def _processor_seconds() -> float | None:
    """Seconds that all cores together were not idle, since the machine started."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _, _, irq, soft, stolen = (int(field) for field in fields[:8])
    return (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK")


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Keep this process on `threads` cores inside, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    _hold(set(sorted(before)[-threads:]))
    try:
        yield
    finally:
        _hold(before)


def _hold(cores: set[int]) -> None:
    """Put every thread of this process, and those that it will start, on these cores."""
    tasks = Path("/proc/self/task")
    for thread in [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(thread, cores)


@dataclass
class Memory:
    """`peak` is by how many bytes the process grew at most; None where the system doesn't tell."""

    peak: int | None = None


@contextmanager
def grown() -> Iterator[Memory]:
    """Fill in the memory that what runs inside took at its peak, beyond what was taken before."""
    found = Memory()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far is forgotten
        before = _resident("VmRSS")
    except OSError:
        yield found
        return
    yield found
    found.peak = max(0, _resident("VmHWM") - before)


def _resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/self/status has no {field}")
