"""Convolutions computed by other means than the layer's own call, and models that use them."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import _disable_current_modes


class Both(nn.Module):
    """Combines the images of a claimed and a hidden module."""

    def __init__(
        self, claimed: nn.Module, hidden: nn.Module, combine: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.claimed, self.hidden, self.combine = claimed, hidden, combine

    def forward(self, x: Tensor) -> Tensor:
        return self.combine(self.claimed(x), self.hidden(x))


class Wrapped(nn.Module):
    """A convolution computed by other means, with the layer's own weight and bias."""

    def __init__(self, layer: nn.Conv2d, means: Callable[[Tensor, nn.Conv2d], Tensor]) -> None:
        super().__init__()
        self.layer, self.means = layer, means

    def forward(self, x: Tensor) -> Tensor:
        return self.means(x, self.layer)


def by_unfold(x: Tensor, layer: nn.Conv2d) -> Tensor:
    columns = F.unfold(x, 3, padding=1)
    assert layer.bias is not None
    rows = layer.weight.flatten(1) @ columns + layer.bias[:, None]
    return rows.view(len(x), -1, *x.shape[2:])


def by_elements(x: Tensor, layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    padded = F.pad(x, [1, 1, 1, 1])
    height, width = x.shape[2:]
    total = layer.bias[:, None, None].expand(len(x), -1, height, width)
    for row in range(3):
        for column in range(3):
            part = padded[:, None, :, row : row + height, column : column + width]
            total = total + (part * layer.weight[None, :, :, row, column, None, None]).sum(2)
    return total


def by_numpy(x: Tensor, layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    columns = np.lib.stride_tricks.sliding_window_view(
        np.pad(x.numpy(), [(0, 0), (0, 0), (1, 1), (1, 1)]), (3, 3), (2, 3)
    )
    out = np.einsum("nchwij,ocij->nohw", columns, layer.weight.numpy()) + layer.bias.numpy()[:, None, None]
    return torch.from_numpy(np.ascontiguousarray(out, dtype=np.float32))


def by_fft(x: Tensor, layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    size = (x.shape[2] + 2, x.shape[3] + 2)
    spectrum = torch.fft.rfft2(F.pad(x, [1, 1, 1, 1]))
    kernel = torch.fft.rfft2(layer.weight.flip(2, 3), s=size)
    product = (spectrum[:, None] * kernel).sum(2)
    out = torch.fft.irfft2(product, s=size)[:, :, 2:, 2:]
    return out + layer.bias[:, None, None]


def by_unwatched_torch(x: Tensor, layer: nn.Conv2d) -> Tensor:
    with _disable_current_modes():
        return layer(x)


def by_thread(x: Tensor, layer: nn.Conv2d) -> Tensor:
    results: list[Tensor] = []

    def work() -> None:
        with torch.no_grad():
            results.append(layer(x))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return results[0]


@torch.library.custom_op("audit_tests::hidden_conv", mutates_args=())
def hidden_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv2d(x, weight, bias, padding=1)


def by_custom_op(x: Tensor, layer: nn.Conv2d) -> Tensor:
    return hidden_conv(x, layer.weight, layer.bias)


def by_overwriting(x: Tensor, layer: nn.Conv2d) -> Tensor:
    out = torch.zeros(len(x), layer.out_channels, *x.shape[2:])
    out.numpy()[:] = by_numpy(x, layer).numpy()
    return out


def replaced(model: nn.Module, means: Callable[[Tensor, nn.Conv2d], Tensor], *names: str) -> nn.Module:
    model = copy.deepcopy(model)
    for name in names:
        setattr(model, name, Wrapped(getattr(model, name), means))
    return model


ALL = ("one", "two", "three")
UNSEEN = [by_numpy, by_fft, by_unwatched_torch, by_thread, by_custom_op, by_overwriting]
