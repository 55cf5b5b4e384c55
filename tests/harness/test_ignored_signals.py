"""A signal that whoever started the run had ignored does not end it."""

from __future__ import annotations

import signal

from ganqbench.harness.interruption import interruption


def test_a_run_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption() as found:
            signal.raise_signal(signal.SIGHUP)
            assert found.number is None
            # To this very thread: any other could hear it only when nobody notes it any more.
            signal.raise_signal(signal.SIGTERM)
            assert found.number == signal.SIGTERM  # the others are heard as ever
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
