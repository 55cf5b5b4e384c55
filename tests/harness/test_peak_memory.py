"""The memory that a record states is that of the cell's own process."""

from __future__ import annotations

import subprocess
import sys

from ganqbench.harness.worker import peak_memory

HELD = 400_000_000


def test_what_the_driver_holds_does_not_count() -> None:
    held = bytearray(HELD)
    held[::4096] = b"\1" * len(held[::4096])  # touched, or the system would not count it
    code = "from ganqbench.harness.worker import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert 1_000_000 < int(done.stdout) < HELD
    assert peak_memory() > HELD
