"""A short fine-tuning of a quantized generator towards its full-precision self, on the calibration inputs.

It shows what a learned quantizer gains over its starting point at a bounded cost; it is no training
recipe, and leaves every parameter ready for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.products import weight_chain, weighted
from ganqbench.zoo.generator import Inputs

STEPS = 60
_VALUES = 2**16
"""Image values per step: 21 images of 32 pixels, one of 148 or more."""
_BATCH = 16
_WEIGHT_STEPS = 0.005
"""How far a weight may move in one iteration, in steps of a grid over four standard deviations."""
_RANGE_RATE = 1e-3
"""Relative change of a range or any other parameter in one iteration."""


def distill(model: nn.Module, exact: nn.Module, calibration: Iterable[Inputs], bits: int, seed: int) -> None:
    """Adam on the squared error to the images of `exact`, with a cosine schedule; norms stay in eval mode."""
    with torch.no_grad():
        pairs = [(inputs, exact(*inputs)) for inputs in calibration]
    inputs = tuple(map(torch.cat, zip(*(taken for taken, _ in pairs), strict=True)))
    images = torch.cat([image for _, image in pairs])
    batch = max(1, min(_BATCH, _VALUES // images[0].numel()))
    scale = images.var().clamp_min(1e-12)
    optimizer = torch.optim.Adam(list(_groups(model, bits)), betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    source = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        for _ in range(STEPS):
            index = torch.randint(len(images), (batch,), generator=source)
            loss = (model(*(value[index] for value in inputs)) - images[index]).square().mean() / scale
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    optimizer.zero_grad()


def _groups(model: nn.Module, bits: int) -> Iterator[dict[str, object]]:
    """A rate per parameter, in proportion to its size: StyleGAN2's weights are far larger than others'."""
    weights = {id(weight_chain(layer).original) for layer in weighted(model).values()}
    for parameter in model.parameters():
        moved = _WEIGHT_STEPS * 8 / 2**bits if id(parameter) in weights else _RANGE_RATE
        yield {"params": [parameter], "lr": moved * _size(parameter)}


def _size(parameter: Tensor) -> float:
    """Root mean square, however small, as steps of an 8-bit grid are; something where all are zero."""
    size = float(parameter.detach().square().mean().sqrt())
    return size if size > 0 else 1e-2
