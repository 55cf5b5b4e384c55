"""torch.ao's fake quantizer with learnable scale and zero point, started from a calibrated one."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def make_learnable(model: nn.Module) -> None:
    """Swap every calibrated FakeQuantize in the model for a learnable one of the same numbers."""
    from torch.ao.quantization import FakeQuantize

    for name, module in list(model.named_modules()):
        if isinstance(module, FakeQuantize):
            model.set_submodule(name, _learnable(module))


def _learnable(old: Any) -> nn.Module:
    from torch.ao.quantization._learnable_fake_quantize import _LearnableFakeQuantize
    from torch.ao.quantization.observer import MinMaxObserver, PerChannelMinMaxObserver

    per_channel = old.is_per_channel
    # The observer is never used again: it tells the new quantizer its type and axis.
    observer = PerChannelMinMaxObserver if per_channel else MinMaxObserver
    new: Any = _LearnableFakeQuantize(  # type: ignore[no-untyped-call]
        observer,
        quant_min=old.quant_min,
        quant_max=old.quant_max,
        channel_len=old.scale.numel() if per_channel else -1,
        use_grad_scaling=True,  # as in the paper; without it scales move too fast
        dtype=old.dtype,
        qscheme=old.qscheme,
        **({"ch_axis": old.ch_axis} if per_channel else {}),
    )
    with torch.no_grad():
        new.scale.copy_(old.scale)
        new.zero_point.copy_(old.zero_point)
    new.enable_param_learning()
    return new  # type: ignore[no-any-return]
