"""A batched product whose two operands pass through a toolkit's own quantizers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class QuantMatMul(nn.Module):
    """Takes the place of `ganqbench.zoo.layers.MatMul`, which toolkits leave in floating point."""

    def __init__(self, left: nn.Module, right: nn.Module) -> None:
        super().__init__()
        self.left = left
        self.right = right

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.bmm(self.left(left), self.right(right))


class PlainMatMul(nn.Module):
    """The same product by `torch.matmul`, which quantizers of exported graphs look for."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.matmul(left, right)
