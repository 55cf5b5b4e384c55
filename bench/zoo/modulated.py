"""StyleGAN2's modulated convolution as scale -> ordinary convolution -> scale.

Karras et al. 2020, section 2.2: modulating the weights by s and demodulating them is the same
function as scaling the input by s and the output by the demodulation factor. In this form the
convolution has one static weight, which toolkits see and integer kernels can run.

The functions marked with `fx.wrap` stay one opaque call when torch.fx traces a generator, so the
FIR filters and the demodulation are never taken for layers, and options keep working in the trace.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from ganqbench.zoo.layers import init_normal

SQRT2 = math.sqrt(2)  # the gain after every leaky ReLU


def make_fir(taps: Sequence[float]) -> Tensor:
    """The 2-D low-pass filter of these taps, [k, k], with sum 1."""
    row = torch.tensor(taps, dtype=torch.float32)
    square = torch.outer(row, row)
    return square / square.sum()


@fx.wrap
def fir_filter(x: Tensor, fir: Tensor, before: int, after: int, gain: float) -> Tensor:
    """Convolves every channel of [N, C, H, W] with `fir`, padded by these many zeros on each axis.

    A convolution in the mathematical sense: the filter is flipped. Negative padding crops.
    """
    kernel = (fir * gain).flip([0, 1]).expand(x.shape[1], 1, *fir.shape)
    if before == after >= 0:
        return F.conv2d(x, kernel, padding=before, groups=x.shape[1])
    return F.conv2d(F.pad(x, [before, after, before, after]), kernel, groups=x.shape[1])


@fx.wrap
def fir_upsample(x: Tensor, fir: Tensor) -> Tensor:
    """Doubles [N, C, H, W] by zero insertion and low-pass filtering, keeping the mean."""
    taps = fir.shape[0]
    kernel = (fir * 4).expand(x.shape[1], 1, taps, taps)
    # The whole convolution has 2H + taps - 2 rows; the official padding keeps these 2H of them.
    before = (taps + 1) // 2 - taps + 1
    after = 2 - taps - before
    if before == after <= 0:
        return F.conv_transpose2d(x, kernel, stride=2, padding=-before, groups=x.shape[1])
    whole = F.conv_transpose2d(x, kernel, stride=2, groups=x.shape[1])
    return F.pad(whole, [before, after, before, after])


@fx.wrap
def demodulation(style: Tensor, weight: Tensor, output_dim: int) -> Tensor:
    """Factors [N, co] that bring each output map of unit-variance input back to unit variance.

    `style` is [N, ci]; `weight` has its output channels in dimension `output_dim` (0 or 1) and is
    taken as it is now, so that it stays right while weights are trained or rounded.
    """
    energy = weight.square().sum([2, 3])
    return (style.square() @ (energy.t() if output_dim == 0 else energy) + 1e-8).rsqrt()


@fx.wrap
def noise_offset(
    offset: Tensor,
    constant: Tensor,
    strength: Tensor,
    x: Tensor,
    mode: str,
    generator: torch.Generator | None,
) -> Tensor:
    """`offset` [co, 1, 1] plus the noise for x [N, co, H, W]; mode `const`, `none` or `random`."""
    if mode == "none":
        return offset
    if mode == "const":
        return offset + constant * strength
    if mode == "random":
        shape = (x.shape[0], 1, x.shape[2], x.shape[3])
        noise = torch.randn(shape, generator=generator, device=x.device, dtype=x.dtype)
        return offset + noise * strength
    raise ValueError(f"noise_mode must be const, none or random, not {mode!r}")


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style, an affine function of w [N, w_dim].

    Each image's style is brought to a largest value of 1 before the convolution and back after it,
    which is the same function. One range for all images then fits what is convolved far better, and
    that range is where 8-bit activations lose their images.

    `up` doubles height and width: a transposed convolution with stride 2, then the low-pass `fir`.
    """

    fir: Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: int, w_dim: int, *, up: bool, demodulate: bool, fir: Tensor
    ) -> None:
        super().__init__()
        self.affine = nn.Linear(w_dim, inputs)
        self.conv: nn.Conv2d | nn.ConvTranspose2d
        if up:
            self.conv = nn.ConvTranspose2d(inputs, outputs, kernel, stride=2, bias=False)
            self.register_buffer("fir", fir.clone())
        else:
            self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.up = up
        self.demodulate = demodulate
        self.kernel = kernel
        init_normal(self.affine.weight, std=1 / math.sqrt(w_dim))
        nn.init.ones_(self.affine.bias)
        # Only the direction of demodulated weights matters; the others start with unit gain.
        init_normal(self.conv.weight, std=1 if demodulate else 1 / math.sqrt(inputs * kernel**2))

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """The convolved maps [N, co, H', W'] and the factors they are still to be scaled by.

        The factors are [N, co] with demodulation and [N, 1] without.
        """
        style = self.affine(w)
        size = style.abs().amax(1, keepdim=True).clamp_min(1e-8)
        x = self.conv(x * (style / size)[:, :, None, None])
        if self.up:
            taps = self.fir.shape[0]
            before = self.kernel // 2 + (taps + 1) // 2 - (self.kernel - 1)
            after = self.kernel // 2 + (taps - 2) // 2 - (self.kernel - 2)
            x = fir_filter(x, self.fir, before, after, 4.0)
        if not self.demodulate:
            return x, size
        return x, size * demodulation(style, self.conv.weight, 1 if self.up else 0)


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, leaky ReLU with gain, clamp: one layer of the synthesis.

    `gain` scales what comes out beyond the usual sqrt(2), and the clamp with it.
    """

    noise_const: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        w_dim: int,
        resolution: int,
        *,
        up: bool,
        fir: Tensor,
        kernel: int = 3,
        noise: bool = True,
        clamp: float | None = None,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.modulated = ModulatedConv(inputs, outputs, kernel, w_dim, up=up, demodulate=True, fir=fir)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise = noise
        if noise:
            self.noise_strength = nn.Parameter(torch.zeros([]))
            self.register_buffer("noise_const", init_normal(torch.empty(resolution, resolution)))
        self.gain = gain * SQRT2
        self.clamp = None if clamp is None else clamp * gain

    def forward(self, x: Tensor, w: Tensor, noise_mode: str, generator: torch.Generator | None) -> Tensor:
        """Maps [N, ci, H, W] and w [N, w_dim] to [N, co, H, W], or twice H and W."""
        x, factors = self.modulated(x, w)
        # A leaky ReLU commutes with a positive gain, so the gain goes to the small factors.
        offset = (self.bias * self.gain)[:, None, None]
        if self.noise:
            strength = self.noise_strength * self.gain
            offset = noise_offset(offset, self.noise_const, strength, x, noise_mode, generator)
        x = torch.addcmul(offset, x, (factors * self.gain)[:, :, None, None])
        x = F.leaky_relu(x, 0.2)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to image channels, not demodulated, with bias and clamp."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, *, fir: Tensor, clamp: float | None) -> None:
        super().__init__()
        self.modulated = ModulatedConv(inputs, outputs, 1, w_dim, up=False, demodulate=False, fir=fir)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Maps [N, ci, H, W] and w [N, w_dim] to an image [N, outputs, H, W]."""
        x, factors = self.modulated(x, w)
        image = torch.addcmul(self.bias[:, None, None], x, factors[:, :, None, None])
        return image if self.clamp is None else image.clamp(-self.clamp, self.clamp)
