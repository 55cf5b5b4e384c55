"""Whether a GAN has enough calibration items for a plan's seeds, said before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized

from ganqbench.errors import UserError
from ganqbench.harness.gans import ZOO, Gans
from ganqbench.harness.plan import Planned


def too_many_seeds(items: Sequence[Planned], gans: Gans = ZOO) -> Iterator[str]:
    """A sentence for each GAN whose calibration items run out before its seeds do.

    Seed s takes the items from s times the protocol's count on, so seeds never share one. Latents
    never run out; photographs and glyphs do.
    """
    for gan in dict.fromkeys(item.cell.gan for item in items if item.skip is None):
        runnable = (item for item in items if item.skip is None and not item.cell.is_baseline)
        cells = [item for item in runnable if item.cell.gan == gan]
        each = cells[0].protocol.calibrate if cells else 0
        held = _held(gans, cells[0]) if cells else None
        if held is None or not each:
            continue
        seeds = held // each
        lost = sum(item.cell.seed >= seeds for item in cells)
        if lost:
            yield (
                f"{gan} has {held} calibration items, enough for {seeds} seeds of {each}: "
                f"{lost} cells of seed {seeds} or more would fail. Leave those seeds out, or let the "
                "suite calibrate on fewer items."
            )


def _held(gans: Gans, item: Planned) -> int | None:
    """How many calibration items there are; None where they are endless or not here."""
    try:
        source = gans.entry(item.cell.gan).inputs("calibrate", item.protocol.resolution)
    except UserError:
        return None
    return len(source) if isinstance(source, Sized) else None
