"""A signal that whoever started the run had ignored does not end it."""

from __future__ import annotations

import subprocess
import sys

UNDER_NOHUP = """
import os, signal
from ganqbench.harness.interruption import interruption
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with interruption() as found:
    os.kill(os.getpid(), signal.SIGHUP)
    print(found.number)
    os.kill(os.getpid(), signal.SIGTERM)
    print(found.number == signal.SIGTERM)
print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""


def test_a_run_under_nohup_outlives_its_terminal() -> None:
    """In a process of its own, which is all that a signal can end."""
    done = subprocess.run([sys.executable, "-c", UNDER_NOHUP], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "True", "True", "True"]
