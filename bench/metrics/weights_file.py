"""Weights that don't ship, read from a folder at hand without executing anything."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganqbench.metrics.checks import MetricError


def read_state(path: Path, source: str) -> tuple[dict[str, Tensor], str]:
    """The tensors of a ``.pth`` file by name, and the file's SHA-256.

    Raises MetricError, with ``source`` as where to get it, if it is missing or no file of tensors.
    """
    if not path.is_file():
        raise MetricError(f"{path} does not exist; get it from {source}")
    content = path.read_bytes()
    try:
        state: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise MetricError(f"{path} is damaged or no file of weights; get it from {source}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise MetricError(f"{path} holds no tensors by name; get it from {source}")
    return state, hashlib.sha256(content).hexdigest()
