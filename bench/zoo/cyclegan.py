"""The ResNet generator of CycleGAN (Zhu et al. 2017, after Johnson et al. 2016).

The layers sit in one `model` sequence at the places that junyanz' checkpoints use, so that their
keys fit as they are.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ganqbench.errors import UserError
from ganqbench.zoo.generator import Generator

Padding = Literal["reflect", "replicate", "zero"]

_PADDING: dict[str, type[nn.Module]] = {
    "reflect": nn.ReflectionPad2d,
    "replicate": nn.ReplicationPad2d,
    "zero": nn.ZeroPad2d,
}


class ResnetBlock(nn.Module):
    """`x + f(x)` with two padded 3x3 convolutions of `width` channels, a norm after each."""

    def __init__(self, width: int, affine: bool, padding: Padding) -> None:
        super().__init__()
        pad = _PADDING[padding]
        self.conv_block = nn.Sequential(
            pad(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width, affine=affine),
            nn.ReLU(),
            pad(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width, affine=affine),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, width, H, W] to the same shape."""
        residual: Tensor = self.conv_block(x)
        return x + residual


class ResnetGenerator(Generator):
    """Translates images [N, in_channels, H, W] in [-1, 1] to [N, out_channels, H, W] in [-1, 1].

    H and W must be multiples of 4 (two halvings, two doublings) and at least 8. `ngf` is the width
    at full resolution, doubled by each halving; `n_blocks` residual blocks (9 for 256 px, 6 for 128)
    work at a quarter of it.
    """

    reconstructed = frozenset({"ResnetBlock"})
    compared = reconstructed

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        ngf: int = 64,
        n_blocks: int = 9,
        affine: bool = False,
        padding: Padding = "reflect",
    ) -> None:
        super().__init__()
        if padding not in _PADDING:
            raise UserError(
                f"CycleGAN's residual blocks know no padding {padding!r}.",
                f"Use one of: {', '.join(_PADDING)}.",
            )
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(in_channels, ngf, 7)]
        layers += self._norm(ngf, affine)
        for width in (ngf, ngf * 2):
            layers.append(nn.Conv2d(width, width * 2, 3, stride=2, padding=1))
            layers += self._norm(width * 2, affine)
        layers += [ResnetBlock(ngf * 4, affine, padding) for _ in range(n_blocks)]
        for width in (ngf * 4, ngf * 2):
            layers.append(nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1))
            layers += self._norm(width // 2, affine)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, out_channels, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    @staticmethod
    def _norm(width: int, affine: bool) -> list[nn.Module]:
        return [nn.InstanceNorm2d(width, affine=affine), nn.ReLU()]

    def forward(self, image: Tensor) -> Tensor:
        """The translated images, of the same height and width."""
        translated: Tensor = self.model(image)
        return translated
