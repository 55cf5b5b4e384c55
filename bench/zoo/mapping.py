"""StyleGAN2's mapping network: latents and classes to styles, with truncation."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, fx, nn

from ganqbench.zoo.layers import init_normal
from ganqbench.zoo.modulated import SQRT2


def _unit(x: Tensor) -> Tensor:
    """Rows of [N, d] divided by their root mean square."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


@fx.wrap
def truncate(w: Tensor, average: Tensor, num_ws: int, psi: float, cutoff: int | None) -> Tensor:
    """w [N, w_dim] for each of the `num_ws` layers, the first `cutoff` (None: all) pulled to the average.

    `psi` 1 leaves w as it is, 0 gives the average (Karras et al. 2019, appendix B).
    """
    ws = w.unsqueeze(1).expand(-1, num_ws, -1)
    if psi == 1:
        return ws
    pulled = torch.lerp(average, w, psi).unsqueeze(1).expand(-1, num_ws, -1)
    return pulled if cutoff is None else torch.cat([pulled[:, :cutoff], ws[:, cutoff:]], dim=1)


class Mapping(nn.Module):
    """Latent z [N, z_dim] and class c [N, c_dim] to one w [N, w_dim] per layer of the synthesis.

    `w_avg` is a running mean of w that truncation pulls to; `track` updates it while training.
    """

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int,
        num_layers: int,
        hidden_dim: int | None = None,
        embed_dim: int | None = None,
        lr_multiplier: float = 0.01,
    ) -> None:
        super().__init__()
        self.num_ws = num_ws
        self.c_dim = c_dim
        self.lr_multiplier = lr_multiplier
        embedded = (embed_dim or w_dim) if c_dim else 0
        if c_dim:
            self.embed = nn.Linear(c_dim, embedded)
            init_normal(self.embed.weight, std=1 / math.sqrt(c_dim))
            nn.init.zeros_(self.embed.bias)
        widths = [z_dim + embedded, *[hidden_dim or w_dim] * (num_layers - 1), w_dim]
        self.layers = nn.Sequential()
        for inputs, outputs in pairwise(widths):
            linear = nn.Linear(inputs, outputs)
            init_normal(linear.weight, std=SQRT2 / math.sqrt(inputs))
            nn.init.zeros_(linear.bias)
            self.layers.extend([linear, nn.LeakyReLU(0.2)])
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def linears(self) -> list[nn.Linear]:
        """The fully connected layers in order; their weights contain the sqrt(2) of the activation."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def single(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """One w [N, w_dim] per image, not truncated."""
        x = _unit(z)
        if self.c_dim:
            if c is None:
                raise TypeError("this generator is conditional: call it with latents and one-hot classes")
            x = torch.cat([x, _unit(self.embed(c))], dim=1)
        w: Tensor = self.layers(x)
        return w

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """Styles [N, num_ws, w_dim]."""
        return truncate(self.single(z, c), self.w_avg, self.num_ws, truncation_psi, truncation_cutoff)

    @torch.no_grad()
    def track(self, w: Tensor, beta: float = 0.995) -> None:
        """Moves `w_avg` towards the mean of a training batch w [N, w_dim]."""
        self.w_avg.copy_(torch.lerp(w.mean(0), self.w_avg, beta))
