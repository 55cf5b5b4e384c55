"""Arrays on disk: written whole or not at all, read without executing anything."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import MetricError
from ganqbench.whole_file import whole_file


def read_whole(path: Path) -> bytes:
    """The file's content; raises MetricError if it is missing or unreadable."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MetricError(f"{path} does not exist") from None
    except OSError as error:
        raise MetricError(f"{path} can't be read: {error.strerror}") from error


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes ``arrays`` to ``path`` (``.npz``), whole or not at all."""
    with whole_file(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path, required: Iterable[str] = ()) -> dict[str, npt.NDArray[Any]]:
    """Reads an ``.npz`` file; raises MetricError if it is missing, damaged or lacks an array."""
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise MetricError(f"{path} does not exist") from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise MetricError(f"{path} is damaged or no .npz file: {error}") from error
    missing = [name for name in required if name not in arrays]
    if missing:
        raise MetricError(f"{path} lacks {', '.join(missing)}")
    return arrays
