"""What is measured in one cell, from the loaded generator to its numbers.

With the cell's job, which imports this, it is the root of the numeric code: changing a line here makes
every record stale. Records, provenance, scheduling and the command line stay outside.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from ganqbench.adapter import Adapter, exempt_modules
from ganqbench.audit import AuditReport
from ganqbench.audit.integer import audit_model
from ganqbench.cell import Cell
from ganqbench.deploy.session import own_session
from ganqbench.harness.baselines import Array, Baselines, array_hash, release
from ganqbench.harness.evaluate import Evaluation
from ganqbench.harness.judge import Judge
from ganqbench.harness.parts import MeasuredPart, Part, batch_hashes
from ganqbench.harness.phases import Phases
from ganqbench.harness.second_look import SecondLook, filled
from ganqbench.protocol import Protocol
from ganqbench.recipes.fine_tune import Diverged, Trained, fine_tune
from ganqbench.recipes.recipe import RECIPES
from ganqbench.zoo.generator import Batches, ZooEntry, to_uint8

SHOWN = 8
"""Evaluation items that are kept as pictures."""
WHOLE = Part()


class CellFailed(Exception):
    """The cell ran but what it produced is not a result; the message says why."""


def evaluation_items(entry: ZooEntry, protocol: Protocol) -> Batches:
    """The items every method is judged on, in the suite's fixed batches."""
    return Batches(entry.inputs("final", protocol.resolution), protocol.final, protocol.batch)


def calibration_items(entry: ZooEntry, protocol: Protocol, seed: int) -> Batches:
    """The calibration items of one seed; seeds draw disjoint items, which where inputs are few may be alike
    (mirrored drawings, crops of one photograph)."""
    source = entry.inputs("calibrate", protocol.resolution)
    return Batches(source, protocol.calibrate, protocol.batch, start=seed * protocol.calibrate)


def render(generator: torch.nn.Module, items: Batches) -> Iterator[tuple[range, Tensor]]:
    """uint8 images batch by batch; raises CellFailed for a wrong shape or a value that isn't finite.

    Every batch is `filled`.
    """
    for indices in items.indices():
        with torch.inference_mode():
            batch = generator(*items.source.batch(filled(indices, items.size)))
            images = to_uint8(_checked(batch, items.size))[: len(indices)]
        yield indices, images


def _audit(
    module: torch.nn.Module,
    reference: torch.nn.Module,
    declared: tuple[str, ...],
    items: Batches,
    indices: range,
) -> AuditReport:
    """The audit on one of the evaluation's batches, with the first or second as the other input."""
    first, second, *_ = items.indices()
    other = second if indices == first else first
    batch, another = (items.source.batch(filled(each, items.size)) for each in (indices, other))
    return audit_model(module, batch, reference=reference, declared=declared, second=another)


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise CellFailed(reason)


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
    baselines: Baselines,
    phases: Phases,
    unfinished: Path,
    part: Part = WHOLE,
) -> MeasuredPart:
    """Quantize, audit and evaluate one cell, or a part of it; CellFailed when its claim does not hold,
    Inapplicable where its recipe finds nothing to work on.

    Every part quantizes and audits anew, in the same way, so that no module travels between machines.
    A training that is cut off goes on from the file `unfinished`.
    """
    with phases("load"):
        reference = entry.load().eval()
        items = evaluation_items(entry, protocol)
        own = part.of(items)
        judge = Judge.of(entry, protocol)
    with phases("baseline"):
        images = baselines.array(f"images{part.name}", lambda path: _save_images(path, reference, own))
        features = None if judge is None else _baseline_features(baselines, judge, images, own, part)
    module, trained = quantized(cell, entry, adapter, protocol, reference, phases, unfinished)
    with phases("audit"):
        declared = exempt_modules(adapter.methods[cell.method], reference)
        audit = partial(_audit, module, reference, declared, items)
        bits = (cell.bits.weights, cell.bits.activations)
        report = audit(next(items.indices()))
        _refuse(report.failure(*bits))
    look = SecondLook(own)
    with phases("evaluate"):
        evaluation = Evaluation(items, judge)
        if cell.is_baseline:
            shown = _tensor(images[: max(0, SHOWN - own.start)])
        else:
            shown = _evaluate(evaluation, module, own, images, report, look)
    if not cell.is_baseline:
        with phases("audit"):
            _refuse(look.contradiction(audit, bits, images))
    audited = array_hash(to_uint8(report.images).numpy())
    return MeasuredPart(evaluation, features, shown, batch_hashes(images, own), audited, report, trained)


def quantized(
    cell: Cell,
    entry: ZooEntry,
    adapter: Adapter,
    protocol: Protocol,
    reference: torch.nn.Module,
    phases: Phases,
    unfinished: Path | None = None,
) -> tuple[torch.nn.Module, Trained | None]:
    """The cell's generator as its adapter quantizes it and its recipe, if it has one, trains it.

    CellFailed if the adapter gives no module or the training diverges, Inapplicable as :func:`measure`.
    """
    with phases("quantize"):
        calibration = calibration_items(entry, protocol, cell.seed)
        module = adapter.quantize(copy.deepcopy(reference), calibration, cell)
        if not isinstance(module, torch.nn.Module):
            raise CellFailed(f"The adapter returned {type(module).__name__} instead of a module.")
        module = own_session(module.eval())
    if cell.recipe is None:
        return module, None
    try:
        with phases("fine-tune"):
            trained = fine_tune(
                module,
                copy.deepcopy(reference),
                entry,
                RECIPES[cell.recipe],
                resolution=protocol.resolution,
                weight_bits=cell.bits.weights,
                seed=cell.seed,
                checkpoint=unfinished,
            )
    except Diverged as error:
        raise CellFailed(str(error)) from error
    phases.add("fine-tune", *trained.earlier_s)
    return module, trained


def _evaluate(
    evaluation: Evaluation,
    module: torch.nn.Module,
    items: Batches,
    targets: Array,
    report: AuditReport,
    look: SecondLook,
) -> Tensor:
    """Stream the quantized images of a part through the evaluation; returns those that are shown."""
    shown: list[Tensor] = []
    for indices, images in render(module, items):
        if indices.start == 0 and not torch.equal(images, to_uint8(report.images)):
            raise CellFailed("The generator gave other images than when it was audited.")
        look.saw(indices, images)
        own = slice(indices.start - items.start, indices.stop - items.start)
        evaluation.update(indices, _tensor(targets[own]), images)
        if indices.start < SHOWN or not shown:
            shown.append(images[: max(0, SHOWN - indices.start)])
    return torch.cat(shown)


def _save_images(path: Path, generator: torch.nn.Module, items: Batches) -> None:
    """Render all items into an array on disk, N x 3 x H x W, one batch in memory at a time."""
    written: np.memmap[Any, Any] | None = None
    for indices, images in render(generator, items):
        if written is None:
            shape = (items.n, *images.shape[1:])
            written = open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        written[indices.start - items.start : indices.stop - items.start] = images.numpy()
        release(written)
    assert written is not None
    written.flush()


def _baseline_features(
    baselines: Baselines, judge: Judge, images: Array, items: Batches, part: Part
) -> Array:
    def save(path: Path) -> None:
        edges = [(batch.start - items.start, batch.stop - items.start) for batch in items.indices()]
        rows = [judge.extractor.features(_tensor(images[start:stop])) for start, stop in edges]
        with path.open("wb") as file:
            np.save(file, np.concatenate(rows), allow_pickle=False)

    return baselines.array(f"features{part.name} {judge.extractor.feature_identity!r}", save)


def _tensor(images: Array) -> Tensor:
    """A copy in memory: what is mapped is read-only."""
    copied = torch.from_numpy(np.array(images))
    release(images)
    return copied
