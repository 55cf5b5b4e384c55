"""Write the model that a cell deploys."""

from __future__ import annotations

from dataclasses import dataclass

from ganqbench.cell import Cell
from ganqbench.deploy.parity import Parity, parity
from ganqbench.deploy.session import IntegerSession
from ganqbench.errors import UserError
from ganqbench.harness.gans import Gans
from ganqbench.harness.prepared import prepare, serialised
from ganqbench.suite import Suite

ITEMS = 16
"""Evaluation items that the model is compared on."""


@dataclass(frozen=True)
class Exported:
    """A model's bytes, how many the full-precision generator's graph has, and how well it agrees."""

    model: bytes
    float_bytes: int
    parity: Parity


def export_cell(cell: Cell, suite: Suite, gans: Gans, *, rewrite: bool, least_psnr: float) -> Exported:
    """The integer model of a cell, with `rewrite` for integer kernels.

    Raises UserError where there is none, or its images agree by less than `least_psnr` dB.
    """
    if cell.is_baseline:
        raise UserError("Full precision has no integer graph.", "Choose a quantized cell.")
    prepared = prepare(cell, suite, gans)
    model = serialised(prepared.graph(), rewrite=rewrite)
    module = prepared.module
    runtime = module.runtime if isinstance(module, IntegerSession) else "onnxruntime"
    agreement = parity(IntegerSession(model, runtime), module, prepared.batches(ITEMS))
    if agreement.psnr < least_psnr:
        raise UserError(
            f"The graph's images agree with the quantized generator's to {agreement.psnr:.1f} dB only: "
            f"{cell.adapter}.{cell.method} does more than round operands.",
            "Export a method that only rounds, or lower --least-psnr to have the file all the same.",
        )
    return Exported(model, len(prepared.plain()), agreement)
