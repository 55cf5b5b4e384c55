"""Record what goes into and comes out of one module, without running what follows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.matrices import POSITIONS
from ganqbench.zoo.generator import Inputs


@dataclass(frozen=True)
class Traffic:
    """The calls of one module, joined along dimension 0; whatever is no tensor is that of the first call."""

    arguments: tuple[Any, ...]
    outputs: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.outputs[0])

    def inputs(self, index: Tensor) -> tuple[Any, ...]:
        """The arguments for these samples."""
        return tuple(value[index] if isinstance(value, Tensor) else value for value in self.arguments)


class _Reached(Exception):
    pass


def capture(model: nn.Module, name: str, calibration: Iterable[Inputs], samples: int) -> Traffic:
    """What `model`'s module of that name takes and gives, for the first `samples` calibration inputs."""
    taken_in: list[tuple[Any, ...]] = []
    given_out: list[tuple[Tensor, ...]] = []

    def enter(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        taken_in.append(arguments)

    def stop(_: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        given_out.append(tensors_of(output))
        raise _Reached

    module = model.get_submodule(name)
    # First of the hooks, to see the arguments before a quantizer does.
    handles = [module.register_forward_pre_hook(enter, prepend=True), module.register_forward_hook(stop)]
    left = samples
    try:
        with torch.no_grad():
            for inputs in calibration:
                if left <= 0:
                    break
                part = tuple(value[:left] for value in inputs)
                left -= len(part[0])
                try:
                    model(*part)
                except _Reached:
                    continue
                raise ValueError(f"{name} did not run")
    finally:
        for handle in handles:
            handle.remove()
    return Traffic(
        arguments=tuple(map(_join, zip(*taken_in, strict=True))),
        outputs=tuple(map(torch.cat, zip(*given_out, strict=True))),
    )


def enough(exact: nn.Module, name: str, batches: list[Inputs]) -> int:
    """How many inputs have four times the positions to sample from, but at least 16."""
    value: Tensor = capture(exact, name, batches, 1).arguments[0]
    positions = value[0].numel() // value.shape[-1 if value.ndim < 4 else 1]
    return max(16, -(-4 * POSITIONS // positions))


def tensors_of(output: Any) -> tuple[Tensor, ...]:
    """The tensors among what a module returns."""
    parts = output if isinstance(output, tuple) else (output,)
    return tuple(part for part in parts if isinstance(part, Tensor))


def _join(values: tuple[Any, ...]) -> Any:
    return torch.cat(list(values)) if isinstance(values[0], Tensor) else values[0]
