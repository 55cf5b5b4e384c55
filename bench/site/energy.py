"""Energy of a generator's arithmetic, estimated: a proxy from a published table, not a measurement.

Horowitz 2014 ("Computing's energy problem", ISSCC, figure 1.1.9; 45 nm, 0.9 V) gives picojoules of single
operations. Integer products of other widths are scaled by the bits of both operands; sums are of 32
bits. Memory is left out, although it costs more than arithmetic on real machines.
"""

from __future__ import annotations

import math

from ganqbench.records.schema import Audit, AuditedOp

_FLOAT_MULTIPLY, _FLOAT_ADD = 3.7e-12, 0.9e-12
_INT8_MULTIPLY, _INT32_ADD = 0.2e-12, 0.1e-12


def energy(audit: Audit) -> float:
    """Joules of all multiply-accumulates of one image, at the widths that the audit saw."""
    return sum(op.macs * _of_one(op) for op in audit.ops if op.match != "missing")


def _of_one(op: AuditedOp) -> float:
    if op.weight_levels is None or op.activation_levels is None:
        return _FLOAT_MULTIPLY + _FLOAT_ADD
    return _INT8_MULTIPLY * math.prod(op.widths) / 64 + _INT32_ADD
