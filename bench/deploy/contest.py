"""Who is how fast: all runtimes that gave the right images, against the best full precision among them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ganqbench.deploy.engines import Arrays, Model, Opened, open_engine
from ganqbench.deploy.latency import Spread, Timings, interleaved
from ganqbench.deploy.machine import Load
from ganqbench.deploy.runtimes import Run
from ganqbench.zoo.generator import Inputs, InputSource

LARGE = 128
"""From this many pixels a side on, a throughput batch is small."""
_HOPELESS = 0.5
"""Full precision below this share of its best's speed for one item won't be the best with a batch either."""

Name = tuple[str, str]
"""A runtime and what it runs, `fp32` or `int8`."""
Line = dict[str, Any]


@dataclass(frozen=True)
class Entrant:
    """A model that its runtime has opened for one item, and the line of the result that its times go into."""

    model: Model
    opened: Opened
    line: Line


def contest(
    entrants: Mapping[Name, Entrant],
    source: InputSource,
    *,
    batch: int,
    seconds: float,
    threads: int,
    seed: int,
    load: Load,
) -> int:
    """Enter latencies and throughputs into the lines; returns the number of rounds for one item.

    The rounds of each batch size take about `seconds`; `load` watches them and nothing else.
    """
    if not any(kind == "fp32" for _, kind in entrants):
        for entrant in entrants.values():
            entrant.line["reason"] = "no full-precision runtime ran to compare it with"
        return 0
    order, one = random.Random(seed), arrays(source.batch([0]))
    timed, best = _race({name: each.opened.run for name, each in entrants.items()}, one, seconds, order, load)
    rounds = len(best.wall)
    for name, timings in timed.items():
        # A processor's clock may be too coarse for a short run, and no time is 0.
        cpu = Spread.of([max(value, 1e-9) for value in timings.cpu])
        entrants[name].line.update(
            latency_ms=_milliseconds(Spread.of(timings.wall)),
            cpu_ms=_milliseconds(cpu),
            ratio=asdict(timings.faster_than(best)),
        )
    several = arrays(source.batch(range(batch)))
    runs = {name: run for name in entrants if (run := _for_batch(name[0], entrants[name], several, threads))}
    if any(kind == "fp32" for _, kind in runs):
        timed, best = _race(runs, several, seconds, order, load)
        for name, timings in timed.items():
            entrants[name].line["throughput"] = {
                "batch": batch,
                "items_per_s": asdict(Spread.of([batch / wall for wall in timings.wall])),
                "ratio": asdict(timings.faster_than(best)),
            }
    return rounds


def _race(
    runs: Mapping[Name, Run], values: Arrays, seconds: float, order: random.Random, load: Load
) -> tuple[dict[Name, Timings], Timings]:
    """Timings of all, and those of the fastest full precision."""
    bound = {name: (lambda run=run: run(values)) for name, run in runs.items()}
    with load.watching():
        timed = interleaved(bound, seconds, order)
    plain = [timings for (_, kind), timings in timed.items() if kind == "fp32"]
    return timed, min(plain, key=lambda timings: Spread.of(timings.wall).median)


def _for_batch(engine: str, entrant: Entrant, several: Arrays, threads: int) -> Run | None:
    """The model ready for a batch; None where it can't take one, or is too slow to set the bar."""
    if entrant.model.kind == "fp32" and entrant.line["ratio"]["median"] < _HOPELESS:
        return None
    try:
        opened = entrant.opened
        if not opened.any_batch:
            opened = open_engine(engine, entrant.model, several, threads)
        opened.run(several)
    except Exception:  # for one item it ran, and that stands
        return None
    return opened.run


def arrays(inputs: Inputs) -> Arrays:
    """A generator's inputs as a runtime takes them."""
    return [np.ascontiguousarray(value.numpy()) for value in inputs]


def _milliseconds(spread: Spread) -> dict[str, float]:
    return {field: 1e3 * value for field, value in asdict(spread).items()}
