"""Keep a toolkit's side effects out of the process that imports and runs it."""

from __future__ import annotations

import io
import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def isolated(seed: int, known_warnings: tuple[str, ...] = ()) -> Iterator[None]:
    """Seed the generators of torch (CPU), numpy and Python inside; put them back, and the warning filters.

    `known_warnings` are patterns of warnings that a toolkit is known to raise; any other
    one still gets through.
    """
    import numpy as np
    import torch

    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  toolkits draw from it
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # torch.manual_seed would also reseed CUDA, which fork_rng(devices=[]) doesn't restore.
            torch.default_generator.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            for pattern in known_warnings:
                warnings.filterwarnings("ignore", message=pattern)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


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
