"""Write the model that a cell deploys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganqbench.cell import Cell
from ganqbench.deploy.parity import Parity, parity
from ganqbench.deploy.session import IntegerSession
from ganqbench.errors import UserError
from ganqbench.harness.deploy_part import check_picture
from ganqbench.harness.gans import Gans
from ganqbench.harness.prepared import ending_alone, prepare, serialised
from ganqbench.records.schema import Record
from ganqbench.suite import Suite

ITEMS = 16
"""Evaluation items that the model is compared on."""


@dataclass(frozen=True)
class Exported:
    """A model's bytes, how many the full-precision generator's graph has, and how well it agrees."""

    model: bytes
    float_bytes: int
    parity: Parity


def export_cell(
    cell: Cell,
    suite: Suite,
    gans: Gans,
    *,
    rewrite: bool,
    least_psnr: float,
    recorded: tuple[Record, Path] | None = None,
) -> Exported:
    """The integer model of a cell, with `rewrite` for integer kernels.

    Raises UserError where there is none, its images agree by less than `least_psnr` dB, or those of the
    generator made here are not those of its record in a file, where one is `recorded`.
    """
    if cell.is_baseline:
        raise UserError("Full precision has no integer graph.", "Choose a quantized cell.")
    prepared = prepare(cell, suite, gans)
    if recorded is not None:
        check_picture(prepared, suite, *recorded)
    with ending_alone(cell):
        model = serialised(prepared.graph(), rewrite=rewrite)
        # Whoever has the file runs it in ONNX Runtime, whatever made it.
        agreement = parity(IntegerSession(model), prepared.module, prepared.batches(ITEMS))
        float_bytes = len(prepared.plain())
    if agreement.psnr < least_psnr:
        raise UserError(
            f"In ONNX Runtime the graph's images agree with the generator's to {agreement.psnr:.1f} dB only: "
            f"{cell.adapter}.{cell.method} does more than round operands, or is made for another runtime.",
            "Export a method that only rounds, or lower --least-psnr to have the file all the same.",
        )
    return Exported(model, float_bytes, agreement)
