"""What is measured in one cell, from the loaded generator to its numbers.

This module and what it imports are the numeric code: changing a line here makes every record
stale. Records, provenance, scheduling and the command line stay outside.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganqbench.adapter import Adapter
from ganqbench.audit import AuditReport, audit
from ganqbench.cell import Cell
from ganqbench.harness.phases import Phases
from ganqbench.metrics.fidelity import PairedFidelity
from ganqbench.metrics.interval import Estimate
from ganqbench.protocol import Protocol
from ganqbench.zoo.generator import Batches, Generator, ZooEntry, to_uint8


class CellFailed(Exception):
    """The cell ran but what it produced is not a result; the message says why."""


@dataclass(frozen=True)
class Measured:
    """What a cell measured."""

    metrics: dict[str, Estimate]
    audit: AuditReport
    images: Tensor
    """uint8, the suite's evaluation items, N x 3 x H x W."""


def evaluation_items(entry: ZooEntry, protocol: Protocol) -> Batches:
    """The items every method is judged on, in the suite's fixed batches."""
    return Batches(entry.inputs("final", protocol.resolution), protocol.final, protocol.batch)


def calibration_items(entry: ZooEntry, protocol: Protocol, seed: int) -> Batches:
    """The calibration items of one seed; seeds draw disjoint items."""
    source = entry.inputs("calibrate", protocol.resolution)
    return Batches(source, protocol.calibrate, protocol.batch, start=seed * protocol.calibrate)


def render(generator: torch.nn.Module, items: Batches) -> Tensor:
    """uint8 images of all items; raises CellFailed for a wrong shape or a value that isn't finite.

    A short last batch is padded with its first item, since kernels may round differently for
    another batch size.
    """
    images = []
    with torch.inference_mode():
        for indices in items.indices():
            padded = [*indices, *[indices[0]] * (items.size - len(indices))]
            batch = generator(*items.source.batch(padded))
            images.append(to_uint8(_checked(batch, items.size))[: len(indices)])
    return torch.cat(images)


def _checked(batch: object, size: int) -> Tensor:
    if not isinstance(batch, Tensor):
        raise CellFailed(f"The generator returned {type(batch).__name__} instead of a tensor of images.")
    if batch.ndim != 4 or batch.shape[:2] != (size, 3):
        raise CellFailed(f"The generator returned shape {tuple(batch.shape)} instead of {size} x 3 x H x W.")
    if not torch.isfinite(batch).all():
        raise CellFailed("The generator returned images with NaN or infinite values.")
    return batch.float()


def measure(
    cell: Cell,
    entry: ZooEntry,
    adapter: Adapter,
    protocol: Protocol,
    baseline_images: Callable[[Generator, Batches], Tensor],
    phases: Phases,
) -> Measured:
    """Quantize, audit and evaluate one cell; raises CellFailed when its claim does not hold."""
    with phases("load"):
        reference = entry.load().eval()
        items = evaluation_items(entry, protocol)
    with phases("baseline"):
        targets = baseline_images(reference, items)
    with phases("quantize"):
        calibration = calibration_items(entry, protocol, cell.seed)
        module = adapter.quantize(copy.deepcopy(reference), calibration, cell)
        if not isinstance(module, torch.nn.Module):
            raise CellFailed(f"The adapter returned {type(module).__name__} instead of a module.")
        module.eval()
    with phases("audit"):
        first, second, *_ = items.indices()
        report = audit(
            module,
            items.source.batch(first),
            reference=reference,
            declared=adapter.methods[cell.method].exempt,
            second=items.source.batch(second),
        )
        failure = report.failure(cell.bits.weights, cell.bits.activations)
        if failure is not None:
            raise CellFailed(failure)
    if cell.is_baseline:
        return Measured({}, report, targets)
    with phases("evaluate"):
        images = render(module, items)
        if not torch.equal(images[: len(first)], to_uint8(report.images)):
            raise CellFailed("The generator gave other images than when it was audited.")
        fidelity = PairedFidelity()
        for indices in items.indices():
            fidelity.update(indices, targets[list(indices)], images[list(indices)])
        metrics = fidelity.result(items.source.cluster)
    return Measured(metrics, report, images)
