"""Quantize a cell as its record was, and write the model that it deploys."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch

from ganqbench.adapter import load_adapter
from ganqbench.cell import Cell
from ganqbench.deploy.export import deployable, quantized_graph
from ganqbench.deploy.float_graph import float_graph
from ganqbench.deploy.parity import Parity, parity
from ganqbench.deploy.session import IntegerSession
from ganqbench.errors import UserError
from ganqbench.harness.gans import ZOO
from ganqbench.harness.measure import calibration_items, evaluation_items
from ganqbench.suite import load_suite

ITEMS = 16
"""Evaluation items that the model is compared on."""


@dataclass(frozen=True)
class Exported:
    """A model's bytes, those of the full-precision generator's graph, and how well it agrees."""

    model: bytes
    float_bytes: int
    parity: Parity


def export_cell(cell: Cell, *, rewrite: bool = True, least_psnr: float = 30.0) -> Exported:
    """The integer model of a cell; raises UserError where there is none or it disagrees."""
    if cell.recipe is not None:
        raise UserError("Cells with a recipe can't be exported yet.", "Export the method without its recipe.")
    suite = load_suite(cell.suite)
    if cell.gan not in suite.protocol:
        raise UserError(f"Suite {cell.suite} has no GAN {cell.gan!r}.", "See `ganqbench list suites`.")
    protocol, entry, adapter = suite.protocol[cell.gan], ZOO.entry(cell.gan), load_adapter(cell.adapter)
    if cell.method not in adapter.methods:
        raise UserError(f"{cell.adapter} has no method {cell.method!r}.", "See `ganqbench list methods`.")
    declined = adapter.skip(cell)
    if declined is not None:
        raise UserError(f"{declined.reason}.", "Choose another method or other bits.")
    torch.set_num_threads(1)
    reference = entry.load().eval()
    calibration = calibration_items(entry, protocol, cell.seed)
    module = adapter.quantize(copy.deepcopy(reference), calibration, cell).eval()
    few = tuple(value[:2] for value in next(iter(calibration)))
    plain = float_graph(reference, few)
    if isinstance(module, IntegerSession):
        import onnx

        graph = onnx.load_model_from_string(module.serialised)
    else:
        graph = quantized_graph(module, reference, few)
    model = deployable(graph) if rewrite else bytes(graph.SerializeToString(deterministic=True))
    items = evaluation_items(entry, protocol)
    batches = [items.source.batch(range(start, start + 4)) for start in range(0, min(ITEMS, items.n), 4)]
    runtime = module.runtime if isinstance(module, IntegerSession) else "onnxruntime"
    agreement = parity(IntegerSession(model, runtime), module, batches)
    if agreement.psnr < least_psnr:
        raise UserError(
            f"The graph's images agree with the quantized generator's to {agreement.psnr:.1f} dB only: "
            f"{cell.adapter}.{cell.method} does more than round operands.",
            "Export a method that only rounds, or lower --least-psnr to have the file all the same.",
        )
    return Exported(model, len(plain.SerializeToString()), agreement)
