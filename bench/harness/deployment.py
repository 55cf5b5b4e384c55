"""What a cell's generator costs as an integer graph, beside the best of full precision.

Every runtime gets the same bytes and items. Images come first: a graph whose images are not those of
the module that was measured has no latency. Whatever a runtime lacks is a reason in the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ganqbench.deploy.contest import LARGE, Entrant, Name, arrays, contest
from ganqbench.deploy.engines import ENGINES, Model, engine_version, open_engine
from ganqbench.deploy.footprint import footprint
from ganqbench.deploy.machine import Load, pinned
from ganqbench.deploy.parity import Parity, pictures
from ganqbench.deploy.reasons import Unavailable, first_line
from ganqbench.deploy.runtimes import Run
from ganqbench.deploy.saturation import halved, saturates, weight_bits
from ganqbench.errors import UserError
from ganqbench.harness.prepared import Prepared, serialised
from ganqbench.harness.provenance import hardware, now
from ganqbench.records.deploy_schema import LEAST_PARITY

if TYPE_CHECKING:
    from onnx import ModelProto

_COMPARED = {"int8": 16, "fp32": 4}
"""Evaluation items that images are compared on. Full precision has no rounding flips to look for."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How a deployment is measured; `seconds` are those of the timed rounds of each batch size."""

    engines: tuple[str, ...] = ENGINES
    threads: int = 1
    seconds: float = 15.0
    batch: int | None = None
    seed: int = 0


class _Images(nn.Module):
    """A runtime's images as those of a module."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def forward(self, *inputs: Tensor) -> Tensor:
        values = arrays(inputs)
        parts = [self.run([value[i : i + 1] for value in values]) for i in range(len(inputs[0]))]
        return torch.from_numpy(np.concatenate(parts))


def deploy(prepared: Prepared, settings: Settings, key: str, say: Say = lambda _: None) -> dict[str, Any]:
    """The `deploy` part of the record with resume key `key`, as its schema has it.

    `say` is told what is being done. Raises nothing for a cell without an integer graph or a runtime
    that isn't there: the part says why.
    """
    torch.set_num_threads(settings.threads)
    plain = prepared.plain()
    say("full-precision graph written")
    graphs, reason = _graphs(prepared, settings, say)
    models = {
        **{(engine, "fp32"): Model(plain, prepared.reference) for engine in settings.engines},
        **{name: Model(graph.model, None) for name, graph in graphs.items()},
    }
    wanted = _wanted(prepared, settings)
    say("images to compare with made")
    load = Load()
    with pinned(settings.threads):
        lines, entrants = _opened(models, wanted, prepared, settings, say)
        for name, graph in graphs.items():
            lines[name]["weight_bits"] = graph.bits
        rounds = contest(
            entrants,
            prepared.items.source,
            batch=settings.batch or (2 if wanted["fp32"].shape[-1] >= LARGE else 8),
            seconds=settings.seconds,
            threads=settings.threads,
            seed=settings.seed,
            load=load,
        )
        say(f"{rounds} rounds timed")
        one = arrays(prepared.items.source.batch([0]))
        for (engine, _), entrant in entrants.items():
            entrant.line["memory"] = footprint(engine, entrant.model, one, settings.threads)
    _keep_the_faster(lines, graphs)
    integer = [line for line in lines.values() if line["kind"] == "int8" and line["reason"] is None]
    return {
        "key": key,
        "parity_psnr": min((line["parity"]["psnr"] for line in integer), default=None),
        "file_bytes": max((len(graph.model) for graph in graphs.values()), default=None),
        "float_bytes": len(plain),
        "threads": settings.threads,
        "rounds": rounds,
        "others": None if load.others is None else round(load.others, 3),
        "busy": load.busy,
        "saturating": sorted({engine for (engine, _), graph in graphs.items() if graph.halved}),
        "hardware": hardware(settings.threads) | {"accelerator": None},
        "runtimes": list(lines.values()),
        "reason": reason,
        "finished": now(),
    }


Line = dict[str, Any]


_REWRITTEN, _AS_EXPORTED = "int8", "int8 as exported"
"""An integer graph whose transposed convolutions are rewritten for integer kernels, and one where not.

A runtime that has no integer kernel on this processor multiplies less in the latter.
"""


@dataclass(frozen=True)
class _Graph:
    model: bytes
    bits: int
    halved: bool


def _graphs(prepared: Prepared, settings: Settings, say: Say) -> tuple[dict[Name, _Graph], str | None]:
    """One or two for each engine, where it saturates with 7-bit weights; or why there are none."""
    if prepared.cell.is_baseline:
        return {}, None
    try:
        graph = prepared.graph()
        usual = narrow = _written(graph, halve=False)
        if weight_bits(graph) > 7:  # else nothing saturates
            narrow = _written(halved(graph), halve=True)
    except UserError as error:
        return {}, error.problem
    except Exception as error:  # exporters raise classes of their own
        return {}, f"the export failed: {first_line(error)}"
    say("integer graph written")
    return {
        (engine, kind): found
        for engine in settings.engines
        for kind, found in (narrow if narrow is not usual and _saturates(engine) else usual).items()
    }, None


def _written(graph: ModelProto, *, halve: bool) -> dict[str, _Graph]:
    """The graph rewritten, and as it is where that is another."""
    bits = weight_bits(graph)
    found = {_REWRITTEN: _Graph(serialised(graph), bits, halve)}
    if any(node.op_type == "ConvTranspose" for node in graph.graph.node):
        found[_AS_EXPORTED] = _Graph(serialised(graph, rewrite=False), bits, halve)
    return found


def _keep_the_faster(lines: dict[Name, Line], graphs: dict[Name, _Graph]) -> None:
    """Of an engine's two integer graphs the one with the lower latency, as of two of full precision."""
    for engine in {engine for engine, kind in lines if kind == _AS_EXPORTED}:
        rewritten, exported = (engine, _REWRITTEN), (engine, _AS_EXPORTED)
        timed = [name for name in (rewritten, exported) if lines[name]["reason"] is None]
        best = min(timed, key=lambda name: lines[name]["latency_ms"]["median"], default=rewritten)
        if best == exported:
            notes = (lines[exported]["note"], "transposed convolutions were faster as they are exported")
            lines[exported]["note"] = "; ".join(filter(None, notes))
            lines[rewritten], graphs[rewritten] = lines[exported], graphs[exported]
        del lines[exported], graphs[exported]


def _saturates(engine: Any) -> bool:
    try:
        return engine in ("onnxruntime", "openvino") and saturates(engine)
    except UserError:  # it is missing, which its line will say
        return False


def _wanted(prepared: Prepared, settings: Settings) -> dict[str, Tensor]:
    """The images of the generators themselves, by kind, made by all cores."""
    torch.set_num_threads(os.cpu_count() or 1)
    found = {"fp32": pictures(prepared.reference, prepared.batches(_COMPARED["int8"]))}
    found["int8"] = (
        found["fp32"]
        if prepared.cell.is_baseline
        else pictures(prepared.module, prepared.batches(_COMPARED["int8"]))
    )
    torch.set_num_threads(settings.threads)
    return found


def _opened(
    models: Mapping[Name, Model],
    wanted: Mapping[str, Tensor],
    prepared: Prepared,
    settings: Settings,
    say: Say,
) -> tuple[dict[Name, Line], dict[Name, Entrant]]:
    """Open every model for one item and compare its images; those that pass enter the contest."""
    one = arrays(prepared.items.source.batch([0]))
    lines: dict[Name, Line] = {}
    entrants: dict[Name, Entrant] = {}
    for (engine, kind), model in models.items():
        version = engine_version(engine)
        line: Line = {"runtime": engine, "kind": model.kind, "version": version, "reason": None}
        lines[engine, kind] = line
        try:
            found = open_engine(engine, model, one, settings.threads)
            found.run(one)
            executed = found.executed()
            line["integer_share"] = executed.share
            if model.kind == "int8":
                line["note"] = executed.note
            _compare(line, found.run, wanted, prepared)
        except Unavailable as why:
            line["reason"] = str(why)
        except Exception as error:  # a runtime may fail at its first images
            line["reason"] = f"{engine} failed: {first_line(error)}"
        if line["reason"] is None:
            entrants[engine, kind] = Entrant(model, found, line)
        say(f"{engine} {kind}: {line['reason'] or 'compared'}")
    return lines, entrants


def _compare(line: Line, run: Run, wanted: Mapping[str, Tensor], prepared: Prepared) -> None:
    images = pictures(_Images(run), prepared.batches(_COMPARED[line["kind"]]))
    line["parity"] = asdict(Parity.of(images, wanted[line["kind"]][: len(images)]))
    if line["kind"] == "int8":
        line["change"] = asdict(Parity.of(images, wanted["fp32"]))
    if line["parity"]["psnr"] < LEAST_PARITY:
        line["reason"] = (
            f"its images agree with the generator's to {line['parity']['psnr']:.1f} dB only; "
            f"latencies are published from {LEAST_PARITY:.0f} dB on"
        )
