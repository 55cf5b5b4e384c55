"""The one layer for which torch.ao has no module with a fake-quantized weight."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class QATConvTranspose2d(nn.ConvTranspose2d):
    """ConvTranspose2d after the pattern of `torch.ao.nn.qat.Conv2d`, for `set_qat_module`.

    Without it prepare_qat_fx keeps transposed convolutions, their weights in floating point,
    and says nothing.
    """

    weight_fake_quant: nn.Module

    @classmethod
    def from_float(
        cls, mod: nn.ConvTranspose2d, use_precomputed_fake_quant: bool = False
    ) -> QATConvTranspose2d:
        """The layer of the same weights, its weight quantizer made by `mod.qconfig`."""
        qat: QATConvTranspose2d = cls.__new__(cls)
        # Sharing the attributes keeps every setting of the layer, named or not.
        qat.__dict__ = dict(mod.__dict__)
        qat._modules = dict(mod._modules)
        qconfig: Any = mod.qconfig
        qat.weight_fake_quant = qconfig.weight()
        return qat

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """As `nn.ConvTranspose2d.forward`, the weight passed through its quantizer."""
        padding = self._output_padding(
            input,
            output_size,
            list(self.stride),
            list(self.padding),  # type: ignore[arg-type]
            list(self.kernel_size),
            2,
            list(self.dilation),
        )
        return F.conv_transpose2d(
            input,
            self.weight_fake_quant(self.weight),
            self.bias,
            self.stride,
            self.padding,  # type: ignore[arg-type]
            padding,
            self.groups,
            self.dilation,
        )
