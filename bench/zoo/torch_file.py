"""What `torch.save` wrote, read without executing any of it."""

from __future__ import annotations

import pickle
import warnings
from typing import IO, Any

import torch

from ganqbench.zoo.budget import refuse_packed
from ganqbench.zoo.pickled_names import ForbiddenGlobalError, foreign_global


def read_torch(file: IO[bytes], size: int) -> Any:
    """Tensors and plain data in a file of `size` bytes, on the CPU.

    Raises ForbiddenGlobalError where it names anything else, UnpicklingError where torch can't read it.
    """
    refuse_packed(file, size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols that torch then reads, or refuses
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        file.seek(0)
        name = foreign_global(file)
        if name is None:
            raise
        raise ForbiddenGlobalError(name) from error
