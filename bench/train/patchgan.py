"""CycleGAN's discriminator and the store of past fakes it is shown."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def patch_discriminator(ndf: int = 32, layers: int = 3) -> nn.Sequential:
    """A PatchGAN (Isola et al. 2017, section 6.1.2): one score per overlapping patch.

    Maps ``[N, 3, H, W]`` to ``[N, 1, h, w]`` scores; every patch sees 70 pixels at three layers.
    """
    modules: list[nn.Module] = [nn.Conv2d(3, ndf, 4, 2, 1), nn.LeakyReLU(0.2)]
    width = ndf
    for layer in range(1, layers + 1):
        wider = ndf * min(2**layer, 8)
        stride = 2 if layer < layers else 1
        modules += [nn.Conv2d(width, wider, 4, stride, 1), nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2)]
        width = wider
    modules.append(nn.Conv2d(width, 1, 4, 1, 1))
    network = nn.Sequential(*modules)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, 0.02)
    return network


class FakePool:
    """Past fakes, half of which are shown to the discriminator in place of new ones.

    Shrivastava et al. 2017: keeps the discriminator from chasing the generator's last step.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: list[Tensor] = []

    def exchange(self, fakes: Tensor, rng: torch.Generator) -> Tensor:
        """Stores ``fakes`` ``[N, ...]`` and returns as many, some of them from earlier calls."""
        shown = []
        for fake in fakes.detach():
            if len(self.kept) < self.size:
                self.kept.append(fake)
                shown.append(fake)
            elif torch.rand((), generator=rng) < 0.5:
                place = int(torch.randint(0, self.size, (), generator=rng))
                shown.append(self.kept[place])
                self.kept[place] = fake
            else:
                shown.append(fake)
        return torch.stack(shown)

    def state_dict(self) -> dict[str, Any]:
        """The stored images."""
        return {"kept": [fake.clone() for fake in self.kept]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what :meth:`state_dict` gave."""
        self.kept = list(state["kept"])
