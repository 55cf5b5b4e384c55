"""What must hold between the records of a results folder, and between a record and its suite."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from ganqbench.records.schema import Record
from ganqbench.suite import load_suite, suite_names

Placed = tuple[Path, Record]
Stated = tuple[Path, str]
ROUNDING = 1e-6


def folder_faults(records: Iterable[Placed]) -> Iterator[tuple[Path, str]]:
    """Every fault that shows only when records are seen together."""
    by_cell: dict[str, Path] = {}
    boards: dict[tuple[str, int, str], list[Placed]] = defaultdict(list)
    for path, record in records:
        name = str(record.cell)
        if name in by_cell:
            yield path, f"{by_cell[name]} is a record of the same cell, {name}"
            continue
        by_cell[name] = path
        boards[record.cell.suite, record.cell.suite_version, record.cell.gan].append((path, record))
    for members in boards.values():
        yield from _identity_faults(members)
        yield from _image_faults(members)
        yield from _seed_faults(members)
        yield from _delta_faults(members)


def _identity_faults(members: list[Placed]) -> Iterator[tuple[Path, str]]:
    """One suite version compares one GAN's images by one network, reference and number of images."""
    by_name: dict[str, list[Stated]] = defaultdict(list)
    for path, record in members:
        for name, metric in record.metrics.items():
            if metric.identity is not None:
                by_name[name].append((path, metric.identity))
    for name, stated in by_name.items():
        yield from _outliers(f"metrics.{name}.identity", stated)


def _image_faults(members: list[Placed]) -> Iterator[tuple[Path, str]]:
    """Every row is paired with the same images, which one kind of processor gives to the bit."""
    by_kind: dict[object, list[Stated]] = defaultdict(list)
    for path, record in members:
        where, images = record.provenance.hardware, record.provenance.baseline_images
        if images is not None:
            by_kind[where.cpu, where.isa, where.accelerator].append((path, images))
    for stated in by_kind.values():
        yield from _outliers("provenance.baseline_images", stated)


def _seed_faults(members: list[Placed]) -> Iterator[tuple[Path, str]]:
    """Seeds of one configuration are taken together, so one code and one set of libraries measured them."""
    codes: dict[str, list[Stated]] = defaultdict(list)
    libraries: dict[str, list[Stated]] = defaultdict(list)
    for path, record in members:
        if record.status == "ok":
            codes[record.row].append((path, record.provenance.numeric_code))
            libraries[record.row].append((path, record.provenance.libraries))
    for what, rows in (("numeric_code", codes), ("versions", libraries)):
        for stated in rows.values():
            yield from _outliers(f"provenance.{what}", stated)


def _outliers(what: str, stated: list[Stated]) -> Iterator[tuple[Path, str]]:
    """Whoever does not say what most say; everybody where several sayings are the most frequent."""
    counts = Counter(value for _, value in stated)
    usual = [value for value, count in counts.items() if count == max(counts.values())]
    for path, value in stated:
        other = next((each for each in usual if each != value), None)
        if other is not None:
            where = next(place for place, each in stated if each == other)
            yield path, f"{what}: {value}, but {other} in {where}"


def _delta_faults(members: list[Placed]) -> Iterator[tuple[Path, str]]:
    """A delta is the distance here less that of full precision, up to what another machine may change."""
    baseline = next((record for _, record in members if record.cell.is_baseline), None)
    if baseline is None:
        return
    for path, record in members:
        for name in ("fid", "kid"):
            delta, own = record.metrics.get(f"{name}_delta"), record.metrics.get(name)
            base = baseline.metrics.get(name)
            if delta is None or own is None or base is None:
                continue
            allowed = record.tolerance.get(name, 0) + ROUNDING * (1 + abs(own.value))
            if abs(own.value - base.value - delta.value) > allowed:
                yield (
                    path,
                    f"metrics.{name}_delta is {delta.value:.6g}, but {name} {own.value:.6g} less "
                    f"full precision's {base.value:.6g} is {own.value - base.value:.6g}",
                )


class Published:
    """The packaged suites' present versions, which their records must have kept to.

    A published version never changes, so a record of it was measured by its protocol, with its
    tolerances. Earlier versions are no longer at hand, and an unfinished one, 0, may have changed.
    """

    def __init__(self) -> None:
        suites = [suite for suite in map(load_suite, suite_names()) if suite.version]
        self._suites = {(suite.name, suite.version): (suite, frozenset(suite.cells())) for suite in suites}

    def faults(self, record: Record) -> Iterator[str]:
        """Where a record departs from its suite."""
        cell = record.cell
        if (cell.suite, cell.suite_version) not in self._suites:
            return
        suite, cells = self._suites[cell.suite, cell.suite_version]
        name = f"{suite.name}-v{suite.version}"
        if cell not in cells:
            yield f"cell: suite {name} has no {cell.gan} {cell.label}"
            return
        if record.provenance.suite != suite.digest(cell.gan):
            yield f"provenance.suite: measured by another protocol than {name} has"
        if record.provenance.protocol != suite.protocol[cell.gan].counts():
            yield f"provenance.protocol: other counts than {name} has"
        for metric, allowed in record.tolerance.items():
            if allowed > suite.tolerance.get(metric, 0):
                yield f"tolerance.{metric}: {allowed} where {name} has {suite.tolerance.get(metric, 0)}"
