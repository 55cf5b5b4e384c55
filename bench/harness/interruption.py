"""Signals that end a run, turned into a question that the run asks when it can answer it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Cells ended early because a signal told them to; the message says what is left of them."""

    def __init__(self, number: int, left: str) -> None:
        super().__init__(f"Stopped by {signal.Signals(number).name}: {left}")
        self.number = number


class Interruption:
    """The first signal that came, or None."""

    number: int | None = None


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Note SIGINT, SIGTERM and SIGHUP instead of dying; a second SIGINT raises KeyboardInterrupt.

    One that is ignored stays so: `nohup` means it. Signals reach the main thread only; in another nothing
    is changed.
    """
    found = Interruption()

    def note(number: int, frame: FrameType | None) -> None:
        if found.number is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        found.number = number if found.number is None else found.number

    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
