"""How much each input moves a cell's `fid_delta`, kept for combining the cell's seeds.

A record has no room for one number per input, so they stay on the machine that measured. A file is
named after the number that its values belong to, identity and all, so it can't be taken for another's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganqbench.metrics.checks import Float64, MetricError
from ganqbench.metrics.storage import load_arrays, save_arrays

FOLDER = "influence"
"""In the cache folder."""
METRIC = "fid_delta"


@dataclass(frozen=True, eq=False)
class Influence:
    """Of every input on the delta, ``[N]``, and which independent unit each belongs to, ``[N]``."""

    values: Float64
    units: tuple[Hashable, ...]

    @classmethod
    def of(cls, values: Float64, clusters: Sequence[Hashable]) -> Influence:
        """Units are numbered by their first appearance: only what is the same unit matters."""
        numbers: dict[Hashable, int] = {}
        return cls(values, tuple(numbers.setdefault(unit, len(numbers)) for unit in clusters))


def keep(folder: Path, influence: Influence, value: float, identity: str) -> None:
    """Store the influence values of the delta `value` with that identity, whole or not at all."""
    arrays = {"values": influence.values, "units": np.array(influence.units, dtype=np.int64)}
    save_arrays(_path(folder, value, identity), arrays)


def kept(folder: Path, value: float, identity: str, n: int) -> Influence | None:
    """What :func:`keep` stored of that delta of `n` inputs; None if it is not here or damaged."""
    try:
        arrays = load_arrays(_path(folder, value, identity), ("values", "units"))
    except MetricError:
        return None
    values, units = arrays["values"], arrays["units"]
    if values.shape != (n,) or units.shape != (n,) or not np.isfinite(values).all():
        return None
    return Influence(values.astype(np.float64), tuple(units.tolist()))


def _path(folder: Path, value: float, identity: str) -> Path:
    name = hashlib.sha256(f"{identity} {float(value).hex()}".encode()).hexdigest()
    return folder / f"{name[:32]}.npz"
