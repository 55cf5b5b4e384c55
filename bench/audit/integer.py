"""The audit of a model that a runtime executes: it reads the very bytes that are run.

The graph in the bytes is run in torch (`program`) and audited there like any module. On top:

- *Storage.* An operand counts as narrow only where the graph holds it as integers: a weight
  scaled back from an integer constant, an activation from the output of QuantizeLinear. Activations
  count with all levels of their type. QuantizeLinear around nothing, integer constants that no
  product takes, and floating-point products with values that happen to lie on a grid cover nothing.
- *Same images.* What the runtime makes of the bytes agrees with what the graph says, up to
  values that round to the neighbouring level: a runtime whose sums saturate is found out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from ganqbench.audit import AuditReport, audit
from ganqbench.audit.program import Program
from ganqbench.deploy.session import IntegerSession
from ganqbench.zoo.generator import Inputs

AGREEMENT = 20.0
"""Least decibels of the images' variation over the runtime's difference from the graph."""


def audit_model(
    module: nn.Module,
    inputs: Inputs,
    reference: nn.Module,
    declared: Iterable[str] = (),
    second: Inputs | None = None,
) -> AuditReport:
    """`audit` for any module; of a session it reads the bytes, and the images are the session's.

    Raises UnreadableModel where the bytes can't be audited.
    """
    if not isinstance(module, IntegerSession):
        return audit(module, inputs, reference, declared=declared, second=second)
    program = Program(module.serialised)
    report = audit(program, inputs, reference, declared=declared, second=second, held=program.held)
    with torch.no_grad():
        images = module(*inputs)
    found = _agreement(images, report.images)
    if found < AGREEMENT:
        sentence = (
            f"The runtime's images differ from what the model's graph computes ({found:.1f} dB): "
            "sums may saturate on this CPU."
        )
        report = replace(report, violations=(*report.violations, sentence))
    return replace(report, images=images)


def _agreement(images: Tensor, expected: Tensor) -> float:
    noise = (images - expected).double().square().mean()
    signal = (expected - expected.mean()).double().square().mean()
    return float(10 * torch.log10(signal / noise)) if noise > 0 else float("inf")
