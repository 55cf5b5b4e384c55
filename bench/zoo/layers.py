"""Small named modules for products that are not layers, so that toolkits can see and swap them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MatMul(nn.Module):
    """Batched product of two activations, [B, n, k] @ [B, k, m] -> [B, n, m]."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """The product of each pair of matrices."""
        return torch.bmm(left, right)


def init_normal(tensor: Tensor, std: float = 1.0) -> Tensor:
    """Fills `tensor` with normal numbers and returns it; one of shape alone ("meta") is left as it is."""
    if not tensor.is_meta:
        nn.init.normal_(tensor, std=std)
    return tensor
