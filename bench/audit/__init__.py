"""The audit: what really reaches every convolution, linear and matrix product.

`audit(module, inputs, reference=fp32)` runs both, watching tensor operations below the
module level, and judges the operands themselves. It asks the module for nothing and knows
no toolkit's classes.

Rules
-----
1. *Grid.* Both operands of a product lie on one affine grid of at most 2^b levels, every
   value a whole number of steps within float32 rounding (`grid`). Weights per output
   channel, activations per tensor or else per sample; an operand that the input can change
   is an activation, whatever it is called (`operands`, `ledger`).
2. *Denominator.* The reference's MACs, matched by shape and order (`matching`). Missing
   sites count 0; full-precision products beyond the reference's enlarge the denominator.
3. *Reach.* A product whose result never reaches the images is not counted.
4. *Nothing from outside.* Values that no watched operation produced must not change with the
   input (one value per sample, such as a dynamic scale, may); bytes must not change between
   operations; the images come out of a watched operation; operations whose operands can't be
   read (custom kernels, FFT, recurrent layers) are refused unless the reference uses them too.
5. *No work in disguise.* Values touched by elementwise operations beyond `WORK_FACTOR` times
   the reference's plus `WORK_PER_OPERAND` per operand value count as full-precision MACs.
6. *Silence.* With every product's result set to zero, two different inputs must give images
   that differ as the silenced reference's do (mostly: not at all): what still follows the
   input was computed somewhere else. And silencing only the matched products must do a
   good part of what silencing all does to the images, and silencing the last one a part of
   what it does in the reference: else the matched ones are decoys.
7. *Same when unwatched.* The module gives the same images with and without interception.
8. *Claim* (`AuditReport.failure`). 95 % of the MACs at the claimed width, not counting sites
   that the method declares; those are shown as measured, take at most half of the MACs, and
   enter bit operations and size at their measured width. At most 5 % MACs on top, because a
   wide product can be written as a sum of narrow ones.

A breach of 4, 6 or 7 is a *violation*: coverage is 0.

Not covered
-----------
- A module that tells the audit's inputs from the evaluator's. Audit on items that are
  evaluated, and compare `AuditReport.images` with the evaluator's images of those items.
- Levels are those that the audited batches use: a wider quantizer whose other levels they
  never reach measures narrower.
- Values carried through Python numbers (`tensor.item()`) a few at a time.
- Elementwise work below the allowance of rule 5, started behind the first product (from the
  input itself rule 6 sees it). It matters only where a site does few MACs per value.
- Products other than the last that run but hardly matter (scaled by a tiny factor) beside no
  other work: a pruned site looks quantized, and so does one whose result is looked up in a
  table of remembered ones. Its images are measured as they are.
- Code in the same process that rewrites torch or this package.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

import torch
from torch import nn

from ganqbench.audit.account import Observation, Run
from ganqbench.audit.evidence import Silence, breaches, hidden_work, other_inputs
from ganqbench.audit.intercept import Weights, images_of, seeded, watch
from ganqbench.audit.matching import Pair, match, site_names
from ganqbench.audit.operands import UNREADABLE, Held
from ganqbench.audit.packing import packed_bytes
from ganqbench.audit.report import AuditReport, Match, Op
from ganqbench.zoo.generator import Generator, Inputs

__all__ = ["AuditReport", "Exempt", "Op", "audit"]

Exempt = Collection[str] | Callable[[Op], bool]
"""Names of reference sites, or of modules that run products themselves; or a predicate on sites."""


def audit(
    module: nn.Module,
    inputs: Inputs,
    reference: nn.Module,
    exempt: Exempt | None = None,
    declared: Iterable[str] = (),
    second: Inputs | None = None,
    held: Mapping[str, Held] | None = None,
) -> AuditReport:
    """Measure at which widths a quantized generator really computes.

    `inputs` are a batch for `module(*inputs)` and `reference(*inputs)`, which both return
    images of one shape; `reference` is the full-precision generator, `module` may share
    nothing with it. `second` is another batch of the same shapes; without it one is made by
    negating the floating-point inputs. `exempt` names reference sites that the zoo
    leaves out (FIR filters, demodulation), by default what the reference itself says
    (`Generator.exempt_modules`); `declared` names modules that the method leaves at
    another width (`Method.exempt`); they are marked, and cover what they measure. `held` says, for
    every product of a graph of integers by its module's path, how its operands are stored there.

    Both modules should be in eval mode on the device of the inputs; they are run several
    times and not changed. Raises TypeError unless both return one tensor, ValueError when
    `inputs` is empty or the shapes of their images differ.
    """
    if not inputs:
        raise ValueError("the audit needs at least one input to see what follows from it")
    if exempt is None:
        exempt = reference.exempt_modules() if isinstance(reference, Generator) else ()
    other = other_inputs(inputs) if second is None else second
    with torch.no_grad(), seeded():
        images = images_of(module(*(value.clone() for value in inputs))).detach().clone()
    plan = watch(reference, inputs)
    if plan.images.shape != images.shape:
        raise ValueError(
            f"the module's images are {tuple(images.shape)}, the reference's {tuple(plan.images.shape)}"
        )
    weights: Weights = {}
    first = watch(module, inputs, inspect=True, weights=weights)
    again = watch(module, other, inspect=True, weights=weights)
    merged = _merge(first, again)
    if held is not None:
        merged = replace(merged, observations=[_as_held(one, held) for one in merged.observations])
    pairs = match(plan, merged)
    silent, silent_other = (watch(module, batch, silence=_all).images for batch in (inputs, other))
    plain, plain_other = (watch(reference, batch, silence=_all).images for batch in (inputs, other))
    matched = {product for site, product in pairs if site is not None and product is not None}
    extras = len(matched) < len(first.observations)
    muted = watch(module, inputs, silence=matched.__contains__).images if extras else silent
    headless, plain_headless = (images, plan.images)
    last = _last(pairs, plan)
    if last is not None:
        headless = watch(module, inputs, silence={last[1]}.__contains__).images
        plain_headless = watch(reference, inputs, silence={last[0]}.__contains__).images
    silence = Silence(silent, silent_other, plain, plain_other, muted, headless, plain_headless)
    ops = _ops(plan, merged, pairs, exempt, tuple(declared))
    left_out = {site for (site, _), op in zip(pairs, ops, strict=True) if op.exempt and site is not None}
    return AuditReport(
        ops=ops,
        packed_bytes=packed_bytes(reference, plan, merged, pairs, left_out),
        hidden_work=hidden_work(plan, first),
        batch=len(inputs[0]),
        violations=breaches(images, plan, first, again, silence),
        images=images,
        reference_images=plan.images,
    )


def _all(product: int) -> bool:
    return True


def _last(pairs: list[Pair], plan: Run) -> tuple[int, int] | None:
    """The last site that the reference's images depend on, with the module's product for it."""
    found = [(site, product) for site, product in pairs if product is not None and site in plan.reached]
    return max(found, default=None)


def _merge(first: Run, again: Run) -> Run:
    """The first run with every operand judged by its worse showing of the two."""
    if len(first.observations) != len(again.observations):
        return first  # a violation, so nothing is covered anyway
    observations = [
        replace(
            one,
            activation=one.activation.worse(other.activation),
            weight=one.weight.worse(other.weight) if one.kind == "matmul" else one.weight,
        )
        for one, other in zip(first.observations, again.observations, strict=True)
    ]
    return replace(first, observations=observations, reached=first.reached & again.reached)


def _as_held(seen: Observation, held: Mapping[str, Held]) -> Observation:
    """Operands stored as floats are on no grid; stored activations have all levels of their type."""
    stored = held[seen.path]
    activation, weight = seen.activation, seen.weight
    activation = activation if stored.activation is not None else UNREADABLE
    weight = weight if stored.weight is not None else UNREADABLE
    if activation.levels is not None:
        activation = replace(activation, levels=stored.activation)
    if seen.kind == "matmul" and weight.levels is not None:
        weight = replace(weight, levels=stored.weight)
    return replace(seen, activation=activation, weight=weight)


def _ops(plan: Run, run: Run, pairs: list[Pair], exempt: Exempt, declared: tuple[str, ...]) -> tuple[Op, ...]:
    """Rows of the report: the reference's sites in order, then the extra products."""
    names, extra_names = site_names(plan.observations), site_names(run.observations)
    ops = []
    for site, product in pairs:
        seen = None if product is None else run.observations[product]
        if site is not None:
            planned = plan.observations[site]
            op = _op(names[site], "site" if seen else "missing", planned, seen)
            named = not {op.site, planned.path}.isdisjoint(() if callable(exempt) else exempt)
            chosen = exempt(op) if callable(exempt) else named
            held = any(planned.path == name or planned.path.startswith(f"{name}.") for name in declared)
            ops.append(replace(op, exempt=chosen, declared=held and not chosen))
        elif seen is not None and product is not None:
            ops.append(_op(extra_names[product], "extra", seen, seen))
    return tuple(ops)


def _op(name: str, found: Match, planned: Observation, seen: Observation | None) -> Op:
    weight, activation = (seen.weight, seen.activation) if seen else (UNREADABLE, UNREADABLE)
    return Op(
        site=name,
        kind=planned.kind,
        match=found,
        macs=planned.macs,
        weight_levels=weight.levels,
        activation_levels=activation.levels,
        weight_granularity=weight.granularity,
        activation_granularity=activation.granularity,
        static=activation.static,
        weights=planned.weight_count if planned.has_weight else 0,
        scale_groups=weight.groups,
    )
