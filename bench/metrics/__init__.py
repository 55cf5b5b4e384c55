"""Metrics of image generators, each with its uncertainty.

Everything here is imported on first use: naming a metric costs nothing until it is computed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganqbench.metrics.checks import MetricError
from ganqbench.metrics.interval import Estimate

if TYPE_CHECKING:
    from ganqbench.metrics.fidelity import PairedFidelity
    from ganqbench.metrics.frechet_distance import frechet, frechet_delta, frechet_paired
    from ganqbench.metrics.judgement import Verdict, verdict
    from ganqbench.metrics.kernel_distance import kid, kid_delta, kid_subsets
    from ganqbench.metrics.manifold import prdc
    from ganqbench.metrics.reference import Reference
    from ganqbench.metrics.reference_file import load_reference, save_reference

# Modules are not named like the functions: importing a submodule binds its name in the package
# and would hide the function of that name.
_LAZY = {
    "PairedFidelity": "ganqbench.metrics.fidelity",
    "Reference": "ganqbench.metrics.reference",
    "Verdict": "ganqbench.metrics.judgement",
    "frechet": "ganqbench.metrics.frechet_distance",
    "frechet_delta": "ganqbench.metrics.frechet_distance",
    "frechet_paired": "ganqbench.metrics.frechet_distance",
    "kid": "ganqbench.metrics.kernel_distance",
    "kid_delta": "ganqbench.metrics.kernel_distance",
    "kid_subsets": "ganqbench.metrics.kernel_distance",
    "load_reference": "ganqbench.metrics.reference_file",
    "prdc": "ganqbench.metrics.manifold",
    "save_reference": "ganqbench.metrics.reference_file",
    "verdict": "ganqbench.metrics.judgement",
}

__all__ = [
    "Estimate",
    "MetricError",
    "PairedFidelity",
    "Reference",
    "Verdict",
    "frechet",
    "frechet_delta",
    "frechet_paired",
    "kid",
    "kid_delta",
    "kid_subsets",
    "load_reference",
    "prdc",
    "save_reference",
    "verdict",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
