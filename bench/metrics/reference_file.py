"""References on disk: one safetensors file, checked for every byte before a number comes of it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import MetricError
from ganqbench.metrics.metric_identity import FeatureIdentity
from ganqbench.metrics.reference import Kept, Origin, Reference
from ganqbench.metrics.storage import read_whole
from ganqbench.whole_file import whole_file

FORMAT = "ganqbench-reference 1"
_MOMENTS = {"mean": (1, ("<f8",)), "covariance": (2, ("<f8",)), "root": (2, ("<f8",))}
_KEPT = {"rows": (2, ("<f2", "<f4")), "radii": (1, ("<f8",))}


def save_reference(path: Path, reference: Reference) -> None:
    """Writes ``reference`` to ``path``, whole or not at all."""
    from safetensors.numpy import save

    about: dict[str, Any] = {"n": reference.n, "digest": reference.digest}
    tensors: dict[str, npt.NDArray[Any]] = {
        "mean": reference.mean,
        "covariance": reference.covariance,
        "root": reference.root,
    }
    if reference.kept is not None:
        tensors |= {"rows": reference.kept.rows, "radii": reference.kept.radii}
        about |= {"k": reference.kept.k, "kernel": reference.kept.kernel.hex()}
    if reference.origin is not None:
        about["origin"] = asdict(reference.origin)
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    # One entry only: safetensors writes several in random order.
    content = save(contiguous, {FORMAT: json.dumps(about, sort_keys=True)})
    with whole_file(path) as file:
        file.write(content)


def load_reference(path: Path, digest: str | None = None) -> Reference:
    """Reads what :func:`save_reference` wrote.

    Raises MetricError if the file is missing, damaged, of another format, inconsistent in itself, or
    not the reference ``digest``.
    """
    content = read_whole(path)
    try:
        reference, stored = _parse(content)
    except MetricError as error:
        raise MetricError(f"{path} {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MetricError(f"{path} is damaged: its description can't be read ({error})") from error
    if reference.digest != stored:
        raise MetricError(f"{path} is damaged: it holds {reference.digest[:12]} and says {stored[:12]}")
    if digest is not None and stored != digest:
        raise MetricError(f"{path} holds reference {stored[:12]}, not {digest[:12]}")
    # A consistent digest over an inconsistent root would still be a plausible wrong number.
    if not math.isclose(float((reference.root**2).sum()), reference.trace, rel_tol=1e-6, abs_tol=1e-12):
        raise MetricError(f"{path}: the stored root does not belong to the covariance")
    return reference


def _parse(content: bytes) -> tuple[Reference, str]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from ganqbench.zoo.files import safetensors_metadata

    try:
        tensors = load(content)
    except SafetensorError as error:
        raise MetricError(f"is damaged or no safetensors file: {error}") from error
    metadata = safetensors_metadata(content)
    if FORMAT not in metadata:
        raise MetricError(f"is no reference that this version reads (no {FORMAT!r} in it)")
    about: dict[str, Any] = json.loads(metadata[FORMAT])
    expected = _MOMENTS | (_KEPT if "k" in about else {})
    if set(tensors) != set(expected):
        raise MetricError(f"holds {sorted(tensors)}, not {sorted(expected)}")
    for name, (axes, types) in expected.items():
        array = tensors[name]
        if array.ndim != axes or array.dtype.newbyteorder("<").str not in types:
            raise MetricError(f"holds {name} {list(array.shape)} of {array.dtype}")
        if not np.isfinite(array).all():
            raise MetricError(f"holds NaN or infinity in {name}")
    dim = len(tensors["mean"])
    n = int(about["n"])
    if n < 2 or tensors["covariance"].shape != (dim, dim) or tensors["root"].shape[0] != dim:
        raise MetricError("holds moments that don't fit each other")
    kept = None
    if "k" in about:
        k, kernel = int(about["k"]), float.fromhex(about["kernel"])
        rows, radii = tensors["rows"], tensors["radii"]
        if rows.shape != (len(radii), dim) or not 1 <= k < len(rows) or not math.isfinite(kernel):
            raise MetricError("holds rows that don't fit the moments")
        kept = Kept(rows, radii, k, kernel)
    origin = _origin(about["origin"]) if "origin" in about else None
    mean, covariance, root = (tensors[name] for name in _MOMENTS)
    return Reference(n, mean, covariance, root, kept, origin), str(about["digest"])


def _origin(fields: dict[str, Any]) -> Origin:
    return Origin(**{**fields, "network": FeatureIdentity(**fields["network"])})
