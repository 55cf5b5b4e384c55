"""Keep a toolkit's side effects out of the process that imports and runs it."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def isolated(seed: int, known_warnings: tuple[str, ...] = ()) -> Iterator[None]:
    """Seed torch's CPU generator inside; put its state and the warning filters back afterwards.

    `known_warnings` are patterns of warnings that a toolkit is known to raise; any other
    one still gets through.
    """
    import torch

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # torch.manual_seed would also reseed CUDA, which fork_rng(devices=[]) doesn't restore.
        torch.default_generator.manual_seed(seed)
        for pattern in known_warnings:
            warnings.filterwarnings("ignore", message=pattern)
        yield


@contextmanager
def muted() -> Iterator[None]:
    """Swallow what a toolkit prints; put the root logger's handlers and level back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
