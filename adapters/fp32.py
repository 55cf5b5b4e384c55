"""The baseline: the generator in full precision, which every other cell is paired to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from ganqbench.adapter import Adapter, Method, Skip

if TYPE_CHECKING:
    from torch import nn

    from ganqbench.cell import Cell
    from ganqbench.zoo.generator import Inputs


class FP32(Adapter):
    """No quantization at all."""

    name: ClassVar[str] = "fp32"
    requires: ClassVar[tuple[str, ...]] = ()
    methods: ClassVar[Mapping[str, Method]] = {
        "baseline": Method(
            title="Full precision",
            kind="baseline",
            reference="The generator as released, in 32-bit floating point.",
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """Only the bits FP32."""
        if str(cell.bits) != "FP32":
            return Skip(f"The baseline runs in full precision: its bits are FP32, not {cell.bits}")
        return None

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """The generator as it is."""
        return generator
