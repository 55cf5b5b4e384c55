"""Arrays on disk: written whole or not at all, read without executing anything."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import MetricError


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes ``arrays`` to ``path`` (``.npz``) atomically; a crash leaves the old file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
