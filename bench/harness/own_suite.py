"""A suite's methods on a checkpoint of the user's."""

from __future__ import annotations

import math

from ganqbench.errors import UserError
from ganqbench.harness.gans import Gans
from ganqbench.protocol import Protocol
from ganqbench.suite import OWN, Grid, Suite, load_suite
from ganqbench.zoo.generator import ZooEntry
from ganqbench.zoo.registry import entry

_FEWEST = {"final": 64, "calibrate": 32, "batch": 2}
"""What a large generator's counts don't fall below, unless the suite's own do; no batch is smaller than 2."""
_LONGEST_S = 400_000
"""A cell's time limit isn't raised beyond that of suite `paper`."""


def own_suite(suite: Suite, own: ZooEntry) -> Suite:
    """`suite` with `own` as its only GAN, measured as its GAN of that architecture and the nearest size.

    A larger generator is measured on as many times fewer images as it has more pixels, and its cells
    may take as many times longer. Only pixels are compared with full precision, since nobody knows what
    the images should look like. The suite is called `own` and has version 0, which is no published one.
    Raises UserError if the suite has no GAN of that architecture.
    """
    alike = [gan for gan in suite.protocol if entry(gan).arch == own.arch]
    if not alike:
        raise UserError(
            f"Suite {suite.name!r} has no {own.arch} to measure yours like.",
            "Take suite mini, which has every architecture.",
        )
    like = min(alike, key=lambda gan: abs(math.log(suite.protocol[gan].resolution / own.resolution)))
    pattern = suite.protocol[like]
    growth = max(1.0, (own.resolution / pattern.resolution) ** 2)
    batch = max(_FEWEST["batch"], int(pattern.batch / growth))
    protocol = Protocol(
        resolution=own.resolution,
        calibrate=_fewer(pattern.calibrate, growth, _FEWEST["calibrate"], batch),
        final=_fewer(pattern.final, growth, _FEWEST["final"], batch),
        batch=batch,
        preview_bytes=160_000,
    )
    grids = [grid for grid in suite.grid if grid.gan == like]
    return suite.model_copy(
        update={
            "name": OWN,
            "version": 0,
            "title": f"{suite.title} ({own.title})",
            "cpu_hours": suite.cpu_hours * growth * protocol.final / pattern.final,
            "time_limit_s": max(suite.time_limit_s, min(suite.time_limit_s * growth, _LONGEST_S)),
            "protocol": {own.name: protocol},
            "grid": tuple(
                Grid(gan=own.name, methods=grid.methods, bits=grid.bits, seeds=grid.seeds) for grid in grids
            ),
        }
    )


def _fewer(count: int, growth: float, fewest: int, batch: int) -> int:
    """`count` over `growth`, at least `fewest`, in whole batches; never more than `count`."""
    batches = math.ceil(max(fewest, int(count / growth)) / batch)
    return min(count, batches * batch)


def named_suite(name: str, gans: Gans) -> Suite:
    """The suite of that name or file; for `own` that of the checkpoint in `gans`, UserError without one."""
    if name != OWN:
        return load_suite(name)
    if gans.own is None:
        raise UserError(
            f"Suite {OWN!r} is of a checkpoint.", "Give it with --checkpoint FILE (and --suite, --arch)."
        )
    return own_suite(load_suite(gans.suite or "mini"), gans.own)
