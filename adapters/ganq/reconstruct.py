"""BRECQ (Li et al. 2021) and QDrop (Wei et al. 2022): learn the rounding block by block.

A block's weights are rounded by AdaRound's relaxation, and the steps of its activations learned as
by LSQ, so that the quantized block gives what the full-precision one does.

BRECQ weighs an output's squared error by the squared gradient of the task's loss there (eq. 10),
here of the squared difference between the images; first the rounding is learned, then the steps.
QDrop learns both together, and lets each value of an activation go unquantized by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.capture import Traffic, capture, tensors_of
from ganqbench.adapters.ganq.products import operands, products, weight_chain, weighted
from ganqbench.adapters.ganq.quantizers import Static
from ganqbench.adapters.ganq.soft_rounding import Annealing, SoftRounding
from ganqbench.adapters.ganq.units import blocks_in_order
from ganqbench.zoo.generator import Inputs


@dataclass(frozen=True)
class Plan:
    """Iterations for the rounding and for the steps (0: together with the rounding), batch and rates.

    `keep` is the chance that a value is quantized during reconstruction (QDrop: 0.5), `weigh`
    whether errors are weighed by BRECQ's diagonal of the Fisher matrix.
    """

    iterations: int = 150
    step_iterations: int = 40
    batch: int = 8
    samples: int = 128
    rate: float = 0.15
    step_rate: float = 0.01
    keep: float = 1.0
    weigh: bool = True


SMALL = 2**19
"""Values of a block's output per iteration above which the batch shrinks, so that cost is bounded."""
_FISHER_SAMPLES = 32


class Dropped(nn.Module):
    """Quantizes each value with chance `keep` and lets it through as it is otherwise (QDrop, eq. 11)."""

    def __init__(self, quantizer: nn.Module, keep: float, source: torch.Generator) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.keep = keep
        self.source = source

    def forward(self, x: Tensor) -> Tensor:
        """x, partly on the grid."""
        kept = torch.rand(x.shape, generator=self.source) < self.keep
        return torch.where(kept, self.quantizer(x), x)


def reconstruct(
    model: nn.Module, exact: nn.Module, calibration: Iterable[Inputs], seed: int, plan: Plan
) -> None:
    """Round the weights of `model`, which has `Static` quantizers, to give what the blocks of `exact` do."""
    batches = list(calibration)
    for number, name in enumerate(blocks_in_order(exact, batches[0])):
        before = capture(exact, name, batches, plan.samples)
        given = capture(model, name, batches, plan.samples)
        importance = _importance(model, exact, name, batches) if plan.weigh else None
        source = torch.Generator().manual_seed(seed + 1000 * number)
        with torch.enable_grad():
            Block(model.get_submodule(name), given, before, importance, source, plan).learn()


@dataclass(frozen=True)
class Block:
    """One block with its inputs in the quantized (`given`) and the full-precision model (`exact`)."""

    module: nn.Module
    given: Traffic
    exact: Traffic
    importance: tuple[Tensor, ...] | None
    source: torch.Generator
    plan: Plan

    def learn(self) -> None:
        """Rounding first and steps after, or both at once where no iterations are kept for the steps."""
        together = self.plan.step_iterations == 0
        with self._soft() as softs:
            rates = [{"params": [soft.logits for soft in softs], "lr": self.plan.rate}]
            with self._steps() as steps:
                self._optimize(softs, rates + (steps if together else []), self.plan.iterations)
        if not together:
            with self._steps() as steps:
                self._optimize([], steps, self.plan.step_iterations)

    def error(self, index: Tensor) -> Tensor:
        """Weighed squared error of the block's outputs for these samples, over the outputs' variance."""
        inputs = self.given.inputs(index)
        if self.plan.keep < 1:
            inputs = tuple(map(self._mixed, inputs, self.exact.inputs(index)))
        outputs = tensors_of(self.module(*inputs))
        total = torch.zeros([])
        for place, output in enumerate(outputs):
            target = self.exact.outputs[place][index]
            squares = (output - target).square()
            if self.importance is not None:
                squares = squares * self.importance[place]
            total = total + squares.mean() / self.exact.outputs[place].var().clamp_min(1e-12)
        return total

    def _optimize(self, softs: list[SoftRounding], rates: list[dict[str, object]], iterations: int) -> None:
        annealing = Annealing(iterations)
        optimizer = torch.optim.Adam(rates)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
        start = self._typical_error()
        for iteration in range(iterations):
            index = torch.randint(len(self.given), (self._batch,), generator=self.source)
            loss = self.error(index) / start
            if softs:
                loss = loss + annealing.penalty(iteration, [soft.up() for soft in softs])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if not softs:  # the rounding keeps its pace to the end, when the last weights are decided
                schedule.step()

    def _typical_error(self) -> Tensor:
        """The error before anything is learned, which makes losses of all blocks comparable."""
        count = min(len(self.given), 2 * self._batch)
        with torch.no_grad():
            return self.error(torch.arange(count)).clamp_min(1e-12)

    @property
    def _batch(self) -> int:
        values = max(output[0].numel() for output in self.exact.outputs)
        return max(1, min(self.plan.batch, SMALL // values))

    def _mixed(self, given: object, exact: object) -> object:
        """Half of a block's input values as the full-precision model has them, as in QDrop's code."""
        if not isinstance(given, Tensor) or not isinstance(exact, Tensor):
            return given
        return torch.where(torch.rand(given.shape, generator=self.source) < self.plan.keep, given, exact)

    @contextmanager
    def _soft(self) -> Iterator[list[SoftRounding]]:
        """Soft rounding in place of the weights' quantizers; in the end each weight is decided."""
        chains = [weight_chain(layer) for layer in weighted(self.module).values()]
        quantizers = [chain[0] for chain in chains]
        softs = [
            SoftRounding(chain.original, quantizer.grid)
            for chain, quantizer in zip(chains, quantizers, strict=True)
        ]
        for chain, soft in zip(chains, softs, strict=True):
            chain[0] = soft
        yield softs
        for chain, soft, quantizer in zip(chains, softs, quantizers, strict=True):
            chain.original.data.copy_(soft.decided())
            chain[0] = quantizer

    @contextmanager
    def _steps(self) -> Iterator[list[dict[str, object]]]:
        """Parameter groups of the activations' steps, which learn while this lasts."""
        places = [
            (quantizers, index)
            for quantizers in map(operands, products(self.module).values())
            for index in range(len(quantizers))
        ]
        static = [cast("Static", quantizers[index]) for quantizers, index in places]
        for quantizer in static:
            quantizer.step.requires_grad_(True)
        if self.plan.keep < 1:
            for quantizers, index in places:
                quantizers[index] = Dropped(quantizers[index], self.plan.keep, self.source)
        yield [
            {"params": [quantizer.step], "lr": self.plan.step_rate * float(quantizer.step.detach())}
            for quantizer in static
        ]
        for (quantizers, index), quantizer in zip(places, static, strict=True):
            quantizer.step.requires_grad_(False)
            quantizers[index] = quantizer


def _importance(model: nn.Module, exact: nn.Module, name: str, batches: list[Inputs]) -> tuple[Tensor, ...]:
    """Squared gradient of the images' squared error towards each output of a block, mean over samples.

    In units of its mean, and half of it uniform: where the gradient happens to vanish the block
    would be free to give anything.
    """
    kept: list[tuple[Tensor, ...]] = []

    def keep(_: nn.Module, arguments: object, output: object) -> None:
        kept.append(tensors_of(output))

    handle = model.get_submodule(name).register_forward_hook(keep)
    sums: list[Tensor] = []
    left = _FISHER_SAMPLES
    try:
        for inputs in batches:
            part = tuple(value[:left] for value in inputs)
            if left <= 0 or not len(part[0]):
                break
            left -= len(part[0])
            with torch.no_grad():
                target = exact(*part)
            with torch.enable_grad():
                loss = (model(*part) - target).square().sum()
                gradients = torch.autograd.grad(loss, kept.pop())
            squares = [gradient.square().sum(0) for gradient in gradients]
            sums = squares if not sums else [a + b for a, b in zip(sums, squares, strict=True)]
    finally:
        handle.remove()
    return tuple(0.5 + 0.5 * total / total.mean().clamp_min(1e-30) for total in sums)
