"""Folding changes the speed of a network and nothing else."""

from __future__ import annotations

import torch
from torch import nn

from ganqbench.metrics.folding import fold


def network() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)),
    )
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features)
            module.running_var = torch.rand(module.num_features) + 0.2
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return net.eval()


def test_outputs_stay_and_norms_go() -> None:
    images = torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        expected, found = network()(images), fold(network())(images)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    norms = [module for module in fold(network()).modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 1  # the one that follows a norm
