"""Choose for every weight of a Brevitas layer whether it is rounded up or down (AdaRound)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganqbench.zoo.generator import Inputs

_ZETA, _GAMMA = 1.1, -0.1  # the stretched sigmoid of the paper


@dataclass(frozen=True)
class Rounding:
    """How the rounding of one layer is learned; `window` bounds the cost of a step, in pixels per side."""

    steps: int = 200
    batch: int = 8
    window: int = 16
    learning_rate: float = 0.03
    regularization: float = 0.01


class _Stop(Exception):
    """Ends a forward pass at the layer whose input is wanted."""


def learn_rounding(
    model: nn.Module, original: nn.Module, calibration: Iterable[Inputs], seed: int, how: Rounding
) -> None:
    """Nagel et al. 2020 (arXiv 2004.10568), layer after layer in the order they run.

    Each layer is to turn what the quantized network before it gives into what the full-precision
    layer makes of the full-precision network's. Brevitas has the rounding (`LearnedRoundSte`) and,
    outside its package, a trainer that needs accelerate; this loop takes its place.
    """
    random = torch.Generator().manual_seed(seed)
    batches = list(calibration)
    for name in _running_order(model, batches[0]):
        inputs = _inputs_of(model, name, batches), _inputs_of(original, name, batches)
        _learn(model.get_submodule(name), original.get_submodule(name), inputs, random, how)


def _running_order(model: nn.Module, batch: Inputs) -> list[str]:
    from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer

    order: list[str] = []
    hooks = [
        module.register_forward_pre_hook(lambda *_, name=name: order.append(name))
        for name, module in model.named_modules()
        if isinstance(module, QuantWeightBiasInputOutputLayer)
    ]
    model(*batch)
    for hook in hooks:
        hook.remove()
    return list(dict.fromkeys(order))


def _inputs_of(model: nn.Module, name: str, batches: list[Inputs]) -> Tensor:
    seen: list[Tensor] = []

    def note(_: nn.Module, operands: tuple[Tensor, ...]) -> None:
        seen.append(operands[0])
        raise _Stop

    hook = model.get_submodule(name).register_forward_pre_hook(note)
    for batch in batches:
        try:
            model(*batch)
        except _Stop:
            continue
    hook.remove()
    return torch.cat(seen)


def _learn(
    layer: Any, target: nn.Module, inputs: tuple[Tensor, Tensor], random: torch.Generator, how: Rounding
) -> None:
    chooser = _insert(layer)
    optimizer = torch.optim.Adam([chooser.value], lr=how.learning_rate)
    layer.weight_quant.train()  # Brevitas' rounding is soft in this mode
    for step in range(how.steps):
        quantized, full = _excerpt(inputs, how, random)
        with torch.enable_grad():
            difference = layer(quantized) - target(full)
            loss = difference.square().sum(1).mean()
            share = chooser.learned_round_impl(chooser.value)
            sharpness = 20 - 18 * step / how.steps
            if step > how.steps // 5:
                loss = loss + how.regularization * (1 - (2 * share - 1).abs().pow(sharpness)).sum()
            (gradient,) = torch.autograd.grad(loss, [chooser.value])
        chooser.value.grad = gradient
        optimizer.step()
    chooser.value.grad = None
    layer.weight_quant.eval()


def _insert(layer: Any) -> Any:
    """Replace the layer's rounding by a learned one that starts at the weights themselves."""
    from brevitas.core.function_wrapper.learned_round import LearnedRoundSte
    from brevitas.inject.enum import FloatToIntImplType, LearnedRoundImplType

    layer.weight_quant.skip_create_quant_tensor = False  # for once, since the scale comes with it
    steps = layer.weight.detach() / layer.quant_weight().scale
    layer.weight_quant.skip_create_quant_tensor = True
    share = (steps - steps.floor()).clamp(1e-4, 1 - 1e-4)
    start = -torch.log((_ZETA - _GAMMA) / (share - _GAMMA) - 1)
    layer.weight_quant.quant_injector = layer.weight_quant.quant_injector.let(
        float_to_int_impl_type=FloatToIntImplType.LEARNED_ROUND,
        learned_round_impl_type=LearnedRoundImplType.HARD_SIGMOID,
        learned_round_init=start,
        learned_round_zeta=_ZETA,
        learned_round_gamma=_GAMMA,
    )
    layer.weight_quant.init_tensor_quant(preserve_state_dict=True)
    (chooser,) = (module for module in layer.modules() if isinstance(module, LearnedRoundSte))
    return chooser


def _excerpt(inputs: tuple[Tensor, Tensor], how: Rounding, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """The same items, and the same window of each, of both."""
    items = torch.randperm(len(inputs[0]), generator=random)[: how.batch]
    places = [
        slice(start, start + how.window)
        for size in inputs[0].shape[2:]
        for start in torch.randint(max(1, size - how.window + 1), (1,), generator=random).tolist()
    ]
    left, right = (value[items][(slice(None), slice(None), *places)] for value in inputs)
    return left, right
