"""Signs that something was computed where the audit does not look."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganqbench.audit.account import Run
from ganqbench.zoo.generator import Inputs

WORK_FACTOR = 2
WORK_PER_OPERAND = 24
"""Elementwise allowance per activation value fed to a product; fake-quantizing takes about 10."""
LEAK = 0.25
"""How far the silenced images' difference may be from the silenced reference's, relative to it.

Only where the reference has a path around all its products (a skip from input to image);
the module may quantize what takes that path."""
MATTER = 0.1
"""Least effect of silencing the matched products, relative to silencing all of them; and of
silencing the last one, relative to what that does to the reference's images."""
OUTSIDE = 4
"""Values per sample and product that may come from outside: scale and offset of both operands."""
UNWATCHED = 1e-4
"""Root mean square difference that interception may make; kernels may round differently."""


def other_inputs(inputs: Inputs) -> Inputs:
    """A different batch of the same shapes and range: floats negated, or else integers changed."""
    if any(value.is_floating_point() for value in inputs):
        return tuple(-value if value.is_floating_point() else value for value in inputs)
    return tuple(value.max() - value + value.min() for value in inputs)


def hidden_work(reference: Run, module: Run) -> int:
    """Values touched by elementwise operations on activations, beyond the allowance.

    A convolution done by multiplying and adding arrays touches each of its MACs at least once.
    """
    return max(0, module.work - WORK_FACTOR * reference.work - WORK_PER_OPERAND * module.operands)


@dataclass(frozen=True)
class Silence:
    """Images of module and reference for both inputs with all products silenced.

    `muted` are the module's for the first input with only its matched products silenced;
    `headless` and `reference_headless` those of both with only the last product silenced.
    """

    module: Tensor
    module_other: Tensor
    reference: Tensor
    reference_other: Tensor
    muted: Tensor
    headless: Tensor
    reference_headless: Tensor


def breaches(images: Tensor, reference: Run, first: Run, again: Run, silence: Silence) -> tuple[str, ...]:
    """Every violation, as a sentence. `images` are the module's when nobody watches."""
    found = []
    if not first.seen:
        found.append("The images did not come out of any tensor operation that the input reaches.")
    if _rms(images - first.images) > UNWATCHED:
        found.append("The module gives other images when its operations are watched.")
    if [one.signature for one in first.observations] != [one.signature for one in again.observations]:
        found.append("The module runs different products for different inputs.")
    batch = len(images)
    foreign = [size for key, size in again.leaves.items() if key not in first.leaves]
    passed = sum(foreign) + (again.numbers - first.numbers).total()
    if max(foreign, default=0) > batch or passed > OUTSIDE * batch * len(first.observations):
        found.append(
            f"{passed} values that change with the input came from outside the tensor operations, "
            "or from state that the module changes as it runs (is it in eval mode?)."
        )
    if first.tampered | again.tampered:
        names = ", ".join(sorted(first.tampered | again.tampered))
        found.append(f"Values were changed outside the tensor operations before they reached {names}.")
    opaque = first.opaque - reference.opaque
    if opaque:
        found.append(f"Operations whose operands can't be read: {', '.join(sorted(opaque))}.")
    moved = torch.nan_to_num(silence.module - silence.module_other)
    allowed = torch.nan_to_num(silence.reference - silence.reference_other)
    if _rms(moved - allowed) > max(1e-6 * float(images.abs().max()), LEAK * _rms(allowed)):
        found.append(
            "With all products silenced the images still follow the input: something else computes them."
        )
    effect = _rms(torch.nan_to_num(images - silence.muted))
    if effect < MATTER * _rms(torch.nan_to_num(images - silence.module)):
        found.append(
            "Silencing the matched products hardly changes the images: something else computes them."
        )
    effect = _rms(torch.nan_to_num(images - silence.headless))
    wanted = MATTER * _rms(torch.nan_to_num(reference.images - silence.reference_headless))
    # Images that are not finite are refused as such, which says more.
    if effect < wanted and torch.isfinite(images).all():
        found.append("Silencing the last product hardly changes the images: something else computes them.")
    return tuple(found)


def _rms(difference: Tensor) -> float:
    return float(difference.double().square().mean().sqrt())
