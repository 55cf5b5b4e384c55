"""Our own reference implementations: each method in a few lines that can be read beside its paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from ganqbench.adapter import Adapter, Method, Skip, exempt_modules
from ganqbench.adapters._widths import beyond_integers
from ganqbench.adapters.ganq.methods import METHODS

if TYPE_CHECKING:
    from torch import nn

    from ganqbench.cell import Cell
    from ganqbench.zoo.generator import Inputs


class Ganq(Adapter):
    """Fake quantization of both operands of every product, written out.

    Weights symmetric with one step per output channel, activations with one range and a zero point,
    biases and all else in floating point, unless the method says otherwise. Norms are not folded.
    Every module that comes back can be trained on: weights, and where they are learned steps and
    bounds, are parameters that gradients reach.
    """

    name: ClassVar[str] = "ganq"
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    methods: ClassVar[Mapping[str, Method]] = METHODS

    def supports(self, cell: Cell) -> Skip | None:
        """Integer widths from 2 to 8; mixed precision is one of W8A8."""
        if self.methods[cell.method].options.get("then") == "mixed" and str(cell.bits) != "W8A8":
            return Skip(f"Mixed precision narrows 8-bit weights: ask for W8A8 instead of {cell.bits}")
        return beyond_integers(cell, "ganq")

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Calibrate, insert quantizers, then learn what the method learns."""
        import copy

        from ganqbench.adapters.ganq.adaround import adaround
        from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
        from ganqbench.adapters.ganq.compensate import compensate
        from ganqbench.adapters.ganq.distill import distill
        from ganqbench.adapters.ganq.equalize import equalize
        from ganqbench.adapters.ganq.mixed import narrow
        from ganqbench.adapters.ganq.reconstruct import Plan, reconstruct

        options = self.methods[cell.method].options
        scheme = Scheme(**options.get("scheme", {}))
        ends = exempt_modules(self.methods[cell.method], generator)
        model = generator.eval().requires_grad_(True)
        if scheme.equalize is not None:
            equalize(model, calibration, scheme.equalize, level=scheme.level)
        exact = copy.deepcopy(model)
        insert_quantizers(model, calibration, cell.bits, scheme, ends)
        match options.get("then"):
            case "adaround":
                adaround(model, exact, calibration, cell.seed)
            case "compensate":
                compensate(model, exact, calibration, cell.seed)
            case "reconstruct":
                reconstruct(model, exact, calibration, cell.seed, Plan(**options.get("plan", {})))
            case "mixed":
                narrow(model, calibration, bits=4, wide=cell.bits.weights, share=options["share"])
            case "distill":
                distill(model, exact, calibration, cell.bits.weights, cell.seed)
        return model
