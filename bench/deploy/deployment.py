"""What a cell's generator costs as a graph of integers, beside the best of full precision.

Every runtime gets the same bytes and items. Images come first: a graph whose images are not those of
the module that was measured has no latency. Whatever a runtime lacks is a reason in the result.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganqbench.deploy.engines import ENGINES, Arrays, Model, Opened, engine_version, open_engine
from ganqbench.deploy.latency import Spread, Timings, interleaved
from ganqbench.deploy.machine import grown, pinned, watched
from ganqbench.deploy.parity import Parity, pictures
from ganqbench.deploy.prepared import Prepared, serialised
from ganqbench.deploy.reasons import Unavailable, first_line
from ganqbench.deploy.runtimes import Run
from ganqbench.deploy.saturation import halved, saturates, weight_bits
from ganqbench.errors import UserError
from ganqbench.harness.provenance import hardware, now
from ganqbench.records.schema import LEAST_PARITY

_COMPARED = 16
"""Evaluation items that the images are compared on."""
_LARGE = 128
"""From this many pixels a side on, a throughput batch is small."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How a deployment is measured; `seconds` are those of the timed rounds of each batch size."""

    engines: tuple[str, ...] = ENGINES
    threads: int = 1
    seconds: float = 30.0
    batch: int | None = None
    seed: int = 0


class _Images(nn.Module):
    """A runtime's images as those of a module."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def forward(self, *inputs: Tensor) -> Tensor:
        parts = [self.run([value[i : i + 1] for value in _arrays(inputs)]) for i in range(len(inputs[0]))]
        return torch.from_numpy(np.concatenate(parts))


def deploy(prepared: Prepared, settings: Settings, key: str, say: Say = lambda _: None) -> dict[str, Any]:
    """The `deploy` part of the record with resume key `key`, as its schema has it.

    `say` is told what is being done. Raises nothing for a cell without a graph of integers or a runtime
    that isn't there: the part says why.
    """
    torch.set_num_threads(settings.threads)
    plain = prepared.plain()
    say("full-precision graph written")
    graphs, reason = _graphs(prepared, settings, say)
    models = {
        **{(engine, "fp32"): Model(plain, prepared.reference) for engine in settings.engines},
        **{(engine, "int8"): Model(graph.model, None) for engine, graph in graphs.items()},
    }
    with pinned(settings.threads), watched() as load:
        lines, opened = _opened(models, prepared, settings, say)
        for (engine, kind), line in lines.items():
            if kind == "int8":
                line["weight_bits"] = graphs[engine].bits
        rounds = _time(lines, opened, models, prepared, settings, say)
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
        "saturating": [engine for engine, graph in graphs.items() if graph.halved],
        "hardware": hardware(settings.threads) | {"accelerator": None},
        "runtimes": list(lines.values()),
        "reason": reason,
        "finished": now(),
    }


@dataclass(frozen=True)
class _Graph:
    model: bytes
    bits: int
    halved: bool


def _graphs(prepared: Prepared, settings: Settings, say: Say) -> tuple[dict[str, _Graph], str | None]:
    """The bytes for each engine, those that saturate with 7-bit weights; or why there are none."""
    if prepared.cell.is_baseline:
        return {}, None
    try:
        graph = prepared.graph()
        usual = _Graph(serialised(graph), weight_bits(graph), halved=False)
    except (UserError, ValueError) as error:
        return {}, getattr(error, "problem", first_line(error))
    say("graph of integers written")
    found = {}
    for engine in settings.engines:
        found[engine] = usual
        if usual.bits > 7 and engine in ("onnxruntime", "openvino") and _saturates(engine):
            narrow = halved(graph)
            found[engine] = _Graph(serialised(narrow), weight_bits(narrow), halved=True)
    return found, None


def _saturates(engine: Any) -> bool:
    try:
        return saturates(engine)
    except UserError:  # it is missing, which its line will say
        return False


Line = dict[str, Any]
Name = tuple[str, str]


def _opened(
    models: Mapping[Name, Model], prepared: Prepared, settings: Settings, say: Say
) -> tuple[dict[Name, Line], dict[Name, Opened]]:
    """Open every model for one item and compare its images; those that pass are to be timed."""
    one = _arrays(prepared.items.source.batch([0]))
    generators = {"fp32": prepared.reference, "int8": prepared.module}
    kinds = {kind for _, kind in models} | {"fp32"}
    wanted = {kind: pictures(generators[kind], prepared.batches(_COMPARED)) for kind in kinds}
    say("images to compare with made")
    lines: dict[Name, Line] = {}
    opened: dict[Name, Opened] = {}
    for (engine, kind), model in models.items():
        line: Line = {"runtime": engine, "kind": kind, "version": engine_version(engine), "reason": None}
        lines[engine, kind] = line
        try:
            with grown() as memory:
                found = open_engine(engine, model, one, settings.threads)
                found.run(one)
            line["memory"] = memory.peak
            line["integer_share"] = found.share()
            _compare(line, found.run, wanted, prepared)
        except Unavailable as why:
            line["reason"] = str(why)
        except Exception as error:  # a runtime may fail at its first images
            line["reason"] = f"{engine} failed: {first_line(error)}"
        if line["reason"] is None:
            opened[engine, kind] = found
        say(f"{engine} {kind}: {line['reason'] or 'compared'}")
    return lines, opened


def _compare(line: Line, run: Run, wanted: Mapping[str, Tensor], prepared: Prepared) -> None:
    images = pictures(_Images(run), prepared.batches(_COMPARED))
    line["parity"] = asdict(Parity.of(images, wanted[line["kind"]]))
    if line["kind"] == "int8":
        line["change"] = asdict(Parity.of(images, wanted["fp32"]))
    if line["parity"]["psnr"] < LEAST_PARITY:
        line["reason"] = (
            f"its images agree with the generator's to {line['parity']['psnr']:.1f} dB only; "
            f"latencies are published from {LEAST_PARITY:.0f} dB on"
        )


def _time(
    lines: Mapping[Name, Line],
    opened: Mapping[Name, Opened],
    models: Mapping[Name, Model],
    prepared: Prepared,
    settings: Settings,
    say: Say,
) -> int:
    """Enter latencies and throughputs into the lines; returns the number of rounds at one item."""
    plain = [name for name in opened if name[1] == "fp32"]
    if not plain:
        for name in opened:
            lines[name]["reason"] = "no full-precision runtime ran to compare it with"
        return 0
    source = random.Random(settings.seed)
    one = _arrays(prepared.items.source.batch([0]))
    single = interleaved(
        _bound({name: each.run for name, each in opened.items()}, one), settings.seconds, source
    )
    best = _best(single, plain)
    for name, timings in single.items():
        lines[name]["latency_ms"] = _scaled(Spread.of(timings.wall), 1e3)
        lines[name]["cpu_ms"] = _scaled(Spread.of([max(value, 1e-9) for value in timings.cpu]), 1e3)
        lines[name]["ratio"] = asdict(timings.faster_than(best))
    say("one item timed")
    _throughput(lines, opened, models, prepared, settings, source)
    return len(best.wall)


def _throughput(
    lines: Mapping[Name, Line],
    opened: Mapping[Name, Opened],
    models: Mapping[Name, Model],
    prepared: Prepared,
    settings: Settings,
    source: random.Random,
) -> None:
    size = prepared.module(*prepared.items.source.batch([0])).shape[-1]
    batch = settings.batch or (2 if size >= _LARGE else 8)
    several = _arrays(prepared.items.source.batch(range(batch)))
    runs: dict[Name, Run] = {}
    for name in opened:
        try:
            runs[name] = open_engine(name[0], models[name], several, settings.threads).run
            runs[name](several)
        except Exception:  # for one item it ran, and that stands
            runs.pop(name, None)
    plain = [name for name in runs if name[1] == "fp32"]
    if not plain:
        return
    timed = interleaved(_bound(runs, several), settings.seconds, source)
    best = _best(timed, plain)
    for name, timings in timed.items():
        rates = Spread.of([batch / seconds for seconds in timings.wall])
        lines[name]["throughput"] = {
            "batch": batch,
            "items_per_s": asdict(rates),
            "ratio": asdict(timings.faster_than(best)),
        }


def _bound(runs: Mapping[Name, Run], values: Arrays) -> dict[Name, Callable[[], object]]:
    return {name: (lambda run=run: run(values)) for name, run in runs.items()}  # type: ignore[misc]


def _best(timed: Mapping[Name, Timings], plain: Sequence[Name]) -> Timings:
    return timed[min(plain, key=lambda name: Spread.of(timed[name].wall).median)]


def _scaled(spread: Spread, factor: float) -> dict[str, float]:
    return {field: value * factor for field, value in asdict(spread).items()}


def _arrays(inputs: Sequence[Tensor]) -> Arrays:
    return [np.ascontiguousarray(value.numpy()) for value in inputs]
