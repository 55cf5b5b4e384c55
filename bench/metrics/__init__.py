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

# Modules are not named like the functions: importing a submodule binds its name in the package
# and would hide the function of that name.
_LAZY = {
    "PairedFidelity": "ganqbench.metrics.fidelity",
}

__all__ = ["Estimate", "MetricError", "PairedFidelity"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
