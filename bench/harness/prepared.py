"""Quantize a cell as its record was, ready to be exported and deployed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ganqbench.adapter import installed_version, load_adapter
from ganqbench.cell import Cell
from ganqbench.deploy.export import deployable, quantized_graph
from ganqbench.deploy.float_graph import float_graph
from ganqbench.deploy.reasons import first_line
from ganqbench.deploy.session import IntegerSession
from ganqbench.errors import UserError, unknown_name
from ganqbench.harness.gans import Gans
from ganqbench.harness.judge import Judge
from ganqbench.harness.measure import CellFailed, calibration_items, evaluation_items, quantized
from ganqbench.harness.missing_toolkits import pip_install
from ganqbench.harness.phases import Phases
from ganqbench.harness.pinned import pin
from ganqbench.harness.skips import check_names, missing, uninstalled, unjudged, untrainable
from ganqbench.recipes.recipe import Inapplicable
from ganqbench.suite import Suite
from ganqbench.zoo.generator import Batches, Generator, Inputs

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Prepared:
    """A cell's generators: `reference` of full precision, `module` quantized (for FP32 the same).

    `items` are those that it is judged on, `few` two calibration items that show an exporter their form.
    """

    cell: Cell
    reference: Generator
    module: nn.Module
    items: Batches
    few: Inputs

    def graph(self) -> ModelProto:
        """The quantized generator's integer graph; UserError where there is none."""
        if isinstance(self.module, IntegerSession):
            import onnx

            return onnx.load_model_from_string(self.module.serialised)
        return quantized_graph(self.module, self.reference, self.few)

    def plain(self) -> bytes:
        """The full-precision generator's graph."""
        return bytes(float_graph(self.reference, self.few).SerializeToString(deterministic=True))

    def batches(self, most: int) -> Batches:
        """The first `most` evaluation items, four at a time."""
        return Batches(self.items.source, min(most, self.items.n), 4)


GRAPHS = ("onnx", "onnxscript", "onnxruntime")
"""Distributions that write and check graphs, of the extra `onnxruntime`."""


def serialised(graph: ModelProto, *, rewrite: bool = True) -> bytes:
    """A graph's bytes, transposed convolutions rewritten for integer kernels unless it's False."""
    return deployable(graph) if rewrite else bytes(graph.SerializeToString(deterministic=True))


def prepare(cell: Cell, suite: Suite, gans: Gans) -> Prepared:
    """Load, quantize and where it has a recipe fine-tune; UserError where the cell can't run here."""
    absent = [name for name in GRAPHS if installed_version(name) is None]
    if absent:  # told before minutes of quantizing
        raise UserError(f"A graph needs {' '.join(absent)}, which is not installed.", pip_install(absent))
    if cell.gan not in suite.protocol:
        raise unknown_name(f"GAN of suite {cell.suite}", cell.gan, suite.protocol)
    with as_in_its_process(cell), ending_alone(cell):
        protocol, adapter = suite.protocol[cell.gan], load_adapter(cell.adapter)
        # A checkpoint is read anew, since that draws random numbers, too.
        entry = Gans.of(gans.job()).entry(cell.gan)
        check_names(cell, adapter)
        skip = missing(entry) or uninstalled(adapter) or adapter.declines(cell) or untrainable(cell, adapter)
        if skip is not None:
            raise UserError(
                f"{skip.reason}.", "Install what is missing, or choose another method or other bits."
            )
        reference = entry.load().eval()
        if unjudged(entry, protocol) is None:
            Judge.of(entry, protocol)  # what its networks draw, the adapter does not
        try:
            module, _ = quantized(cell, entry, adapter, protocol, reference, Phases())
        except (CellFailed, Inapplicable) as error:
            raise UserError(str(error), "Choose another method or other bits.") from error
        few = tuple(value[:2] for value in next(iter(calibration_items(entry, protocol, cell.seed))))
    return Prepared(cell, reference, module.eval(), evaluation_items(entry, protocol), few)


@contextmanager
def ending_alone(cell: Cell) -> Iterator[None]:
    """Makes whatever an adapter's code raises a UserError that names the cell, so that others go on."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{cell} failed with {type(error).__name__}: {first_line(error)}.",
            "Mend its adapter, for which `ganqbench --debug` shows the traceback, or choose another cell.",
        ) from error


@contextmanager
def as_in_its_process(cell: Cell) -> Iterator[None]:
    """Threads and global random generators as the process of a cell has them, and afterwards as they were."""
    threads, numbers = torch.get_num_threads(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        pin(cell.seed)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            np.random.set_state(numbers)  # noqa: NPY002
