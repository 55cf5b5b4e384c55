"""Wall-clock and CPU time of a cell, phase by phase."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Phases:
    """Stopwatch: `with phases("audit"): ...` adds to that phase's wall and CPU seconds."""

    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)
    current: str | None = None

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time one phase; `current` keeps the name of a phase that raised."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.current = name
        try:
            yield
        finally:
            earlier = self.seconds.get(name, (0.0, 0.0))
            self.seconds[name] = (
                earlier[0] + time.perf_counter() - wall,
                earlier[1] + time.process_time() - cpu,
            )
        self.current = None

    def add(self, name: str, wall_s: float, cpu_s: float) -> None:
        """Add seconds of a phase that were not spent in this process."""
        wall, cpu = self.seconds.get(name, (0.0, 0.0))
        self.seconds[name] = (wall + wall_s, cpu + cpu_s)
