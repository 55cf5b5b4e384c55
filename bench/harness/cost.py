"""What a cell will cost, from cells that were measured.

Each phase of a measured cell is scaled to the planned one by the work it does: images, or items that
a recipe trains on, times multiply-accumulates per image. Cells that are most alike count: same GAN,
method and bits if there are any, else the nearest kind that there is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ganqbench.cell import Cell
from ganqbench.protocol import Protocol
from ganqbench.recipes.recipe import RECIPES
from ganqbench.records.schema import Record
from ganqbench.records.validate import validate

Likeness = Callable[[Cell, Cell], bool]


def _same_method(one: Cell, other: Cell) -> bool:
    return (one.adapter, one.method, one.recipe) == (other.adapter, other.method, other.recipe)


# From the most alike to anything at all. A baseline is like baselines only, as it evaluates nothing.
KINDS: Sequence[tuple[str, Likeness]] = (
    (
        "same GAN, method and bits",
        lambda a, b: a.gan == b.gan and _same_method(a, b) and a.bits == b.bits,
    ),
    ("same GAN and method", lambda a, b: a.gan == b.gan and _same_method(a, b)),
    ("same method", _same_method),
    ("same GAN", lambda a, b: a.gan == b.gan and a.recipe == b.recipe),
    ("same architecture", lambda a, b: a.architecture == b.architecture and a.recipe == b.recipe),
    ("same GAN, another recipe", lambda a, b: a.gan == b.gan and bool(a.recipe) and bool(b.recipe)),
    ("another recipe", lambda a, b: bool(a.recipe) and bool(b.recipe)),
    ("any", lambda a, b: not a.recipe),
)
UNCOUNTED_START_S = 4.0
"""Start of a process, where a record of the first schema does not say how long it took."""
FEATURE_BYTES = {"embedded": 4 * 192, "third": 4 * 160, "inception": 4 * 2048}


@dataclass(frozen=True)
class Cost:
    """What one cell costs; `basis` says what kind of measured cells it was taken from."""

    wall_s: float
    cpu_s: float
    baseline_s: float
    """Part of `wall_s` that the GAN's other cells have to wait for."""
    memory: int
    basis: str


class CostModel:
    """Costs of cells, learnt from the records of others."""

    @classmethod
    def of(cls, results: Path) -> CostModel:
        """What the valid records in a results folder teach."""
        return cls(record for _, record in validate(results).records)

    def __init__(self, records: Iterable[Record]) -> None:
        """Take what was measured; records that are not ok teach nothing."""
        self.records = [each for each in records if each.status == "ok" and each.audit is not None]
        self._per_pixel = _macs_per_pixel(self.records)

    def cost(self, cell: Cell, protocol: Protocol) -> Cost | None:
        """The cost of a cell; None if nothing comparable was ever measured."""
        for basis, alike in KINDS:
            found = [
                each
                for each in self.records
                if each.cell.is_baseline == cell.is_baseline and alike(cell, each.cell)
            ]
            if found:
                return self._cost(cell, protocol, found, basis)
        return None

    def _cost(self, cell: Cell, protocol: Protocol, found: list[Record], basis: str) -> Cost:
        scaled = [self._scaled(each, cell, protocol) for each in found]
        baseline = self._baseline(cell.gan, protocol) if cell.is_baseline else (0.0, 0.0)
        least = min(each.cost.peak_memory or 0 for each in self.records)
        grown = [
            least + max(0, (each.cost.peak_memory or 0) - least) * self._ratio(each, cell, protocol, "batch")
            for each in found
        ]
        return Cost(
            wall_s=median(wall for wall, _ in scaled) + baseline[0],
            cpu_s=median(cpu for _, cpu in scaled) + baseline[1],
            baseline_s=baseline[0],
            memory=round(max(grown)),
            basis=basis,
        )

    def _scaled(self, record: Record, cell: Cell, protocol: Protocol) -> tuple[float, float]:
        """Wall-clock and CPU seconds of everything but the baseline's images."""
        wall = cpu = 0.0
        for name, phase in record.cost.phases.items():
            if name == "baseline":
                continue
            count = {"quantize": "calibrate", "audit": "batch", "evaluate": "final"}.get(name)
            factor = self._ratio(record, cell, protocol, count) if count else 1.0
            if name == "fine-tune":
                factor = self._growth(record, cell, protocol) * _training(cell, record.cell)
            wall += factor * phase.wall_s
            cpu += factor * phase.cpu_s
        if "start" not in record.cost.phases:
            wall, cpu = wall + UNCOUNTED_START_S, cpu + UNCOUNTED_START_S
        return wall, cpu

    def _baseline(self, gan: str, protocol: Protocol) -> tuple[float, float]:
        """Seconds for a GAN's full-precision images and features.

        Most records found them in the cache; the longest is the one that made them.
        """
        own = [each for each in self.records if each.cell.gan == gan] or self.records
        found = [
            (factor * phase.wall_s, factor * phase.cpu_s)
            for each in own
            if (phase := each.cost.phases.get("baseline")) is not None
            for factor in [self._ratio(each, each.cell.model_copy(update={"gan": gan}), protocol, "final")]
        ]
        return max(found, default=(0.0, 0.0))

    def _ratio(self, record: Record, cell: Cell, protocol: Protocol, count: str) -> float:
        """How much more work a planned cell does than a recorded one, by that count of images."""
        before = record.provenance.protocol
        images = getattr(protocol, count) / max(1, before.get(count, getattr(protocol, count)))
        return float(images * self._growth(record, cell, protocol))

    def _growth(self, record: Record, cell: Cell, protocol: Protocol) -> float:
        """How many times the multiply-accumulates of a recorded cell's image a planned one's has."""
        assert record.audit is not None
        own = record.audit.macs or 1
        return self._macs(cell, protocol.resolution, default=own) / own

    def _macs(self, cell: Cell, resolution: int, default: float) -> float:
        """Multiply-accumulates of one image, which grow as its area."""
        per_pixel = self._per_pixel.get(cell.gan, self._per_pixel.get(cell.architecture))
        return default if per_pixel is None else per_pixel * resolution**2


def _macs_per_pixel(records: Iterable[Record]) -> dict[str, float]:
    """GAN, and architecture, -> multiply-accumulates per pixel of its image."""
    found = defaultdict(list)
    for each in records:
        side = each.provenance.protocol.get("resolution")
        if each.audit is not None and side:
            for name in (each.cell.gan, each.cell.architecture):
                found[name].append(each.audit.macs / side**2)
    return {name: median(values) for name, values in found.items()}


def _training(cell: Cell, measured: Cell) -> float:
    """How many times the items that a measured cell was trained on a planned one is."""
    if cell.recipe is None:
        return 0.0
    recipes = [RECIPES.get(each.recipe or "") for each in (cell, measured)]
    own, other = (recipe.steps * recipe.batch if recipe else None for recipe in recipes)
    return 1.0 if own is None or other is None else own / other  # a recipe of before is not known here


def cached_bytes(protocol: Protocol) -> int:
    """Size of a GAN's full-precision images and features in the cache folder."""
    features = FEATURE_BYTES[protocol.extractor] if protocol.extractor else 0
    return protocol.final * (3 * protocol.resolution**2 + features)
