"""Run a record's cell again and compare."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganqbench.errors import UserError
from ganqbench.harness.executor import LocalExecutor
from ganqbench.harness.gans import Gans
from ganqbench.harness.own_suite import NAME as OWN
from ganqbench.harness.own_suite import own_suite
from ganqbench.harness.plan import Plan, make_plan
from ganqbench.harness.run import run_plan
from ganqbench.records.canonical import sha256
from ganqbench.records.compare import Difference, differences
from ganqbench.records.schema import Record
from ganqbench.records.store import preview_path, read
from ganqbench.suite import Suite, load_suite, suite_names

PICTURE = 2.0
"""Mean absolute difference, of 255, that two previews of one cell may show: both may be lossy."""


@dataclass(frozen=True)
class Verdict:
    """What came of one record. Without `again` it could not be checked, for the reason given."""

    path: Path
    record: Record
    again: Record | None = None
    differences: tuple[Difference, ...] = ()
    reason: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether the cell ran and gave what the record says."""
        return self.again is not None and not self.differences

    def __str__(self) -> str:
        if self.again is None:
            return f"not checked: {self.reason}"
        if self.differences:
            return "differs: " + "; ".join(map(str, self.differences))
        if self.record.status != "ok":
            return f"agrees: {self.record.status} again"
        return f"agrees in {len(self.record.metrics)} metrics and the audit"


class _Unchecked(Exception):
    """Why a record's cell can't be run again here."""


def verify(
    records: Sequence[tuple[Path, Record]],
    work: Path,
    jobs: int,
    gans: Gans | None = None,
    *,
    quiet: bool = False,
) -> Iterator[Verdict]:
    """Run the cells of `records` again below the folder `work`; one verdict each, suite by suite.

    A record's suite is the packaged one of its name and version, or the `suite.toml` in its suite's
    folder. `gans` holds the checkpoint that records of suite `own` need.
    """
    groups: dict[str, tuple[Suite, list[tuple[Path, Record]]]] = {}
    for path, record in records:
        try:
            suite = _suite(path, record, gans)
        except (_Unchecked, UserError) as error:
            yield Verdict(path, record, reason=str(error))
            continue
        groups.setdefault(suite.model_dump_json(), (suite, []))[1].append((path, record))
    for number, (suite, members) in enumerate(groups.values()):
        folder = work / str(number)
        plan = _plan(suite, [record for _, record in members], folder, gans or Gans())
        run_plan(plan, folder, suite.time_limit_s, LocalExecutor(jobs), quiet=quiet)
        for path, record in members:
            yield _verdict(path, record, folder)


def _suite(path: Path, record: Record, gans: Gans | None) -> Suite:
    """The suite that a record was measured by; _Unchecked if it is not at hand or has changed since."""
    cell = record.cell
    beside = path.resolve().parents[1] / "suite.toml"
    if cell.suite == OWN:
        if gans is None or gans.own is None:
            raise _Unchecked("it is of a checkpoint: give it with --checkpoint (and --suite, --arch)")
        suite = own_suite(load_suite(gans.suite or "mini"), gans.own)
    elif cell.suite in suite_names():
        suite = load_suite(cell.suite)
    elif beside.is_file():
        suite = load_suite(str(beside))
    else:
        raise _Unchecked(f"no suite {cell.suite!r} is packaged, and there is no {beside.name} beside it")
    if suite.version != cell.suite_version:
        raise _Unchecked(f"suite {suite.name} has version {suite.version} now, not {cell.suite_version}")
    if cell not in suite.cells():
        raise _Unchecked(f"suite {suite.name}-v{suite.version} has no such cell")
    if suite.digest(cell.gan) != record.provenance.suite:
        raise _Unchecked(f"it was measured by another protocol than {suite.name}-v{suite.version} has")
    return suite


def _plan(suite: Suite, records: Iterable[Record], folder: Path, gans: Gans) -> Plan:
    """The records' cells alone; what baselines give is computed on the way."""
    wanted = {record.cell for record in records}
    baselines = {suite.baseline(cell.gan) for cell in wanted}
    for gan in sorted({cell.gan for cell in wanted}):
        gans.entry(gan).prepare()
    cells = [cell for cell in suite.cells() if cell in wanted | baselines]
    plan = make_plan(suite, cells, folder, gans=gans)
    return Plan(tuple(item for item in plan.todo if item.cell in wanted), (), plan.baselines, gans)


def _verdict(path: Path, record: Record, folder: Path) -> Verdict:
    place = folder / record.cell.path
    again = read(place)
    if again.status == "skipped" and record.status != "skipped":
        return Verdict(path, record, reason=again.reason)
    found = [*differences(record, again), *_origins(record, again)]
    if record.status == again.status == "ok":
        found += _pictures(preview_path(path), preview_path(place))
    return Verdict(path, record, again, tuple(found))


def _origins(record: Record, again: Record) -> Iterator[Difference]:
    """Weights, inputs and counts that are not those of the re-run."""
    before, after = record.provenance, again.provenance
    if before.weights != after.weights:
        yield Difference("weights", before.weights or "unknown", after.weights or "unknown")
    # Where one failed before its inputs were known, there is nothing to compare.
    if before.inputs and after.inputs:
        yield from _mapping("inputs", before.inputs, after.inputs)
    yield from _mapping("protocol", before.protocol, after.protocol)
    if (
        record.status == "ok"
        and before.versions == after.versions
        and before.numeric_code == after.numeric_code
        and before.hardware == after.hardware
        and before.baseline_images != after.baseline_images
    ):
        yield Difference("baseline_images", before.baseline_images, after.baseline_images)


def _mapping(what: str, old: Mapping[str, str | int], new: Mapping[str, str | int]) -> Iterator[Difference]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Difference(f"{what}.{name}", old.get(name), new.get(name))


def _pictures(old: Path, new: Path) -> Iterator[Difference]:
    """Whether the pictures beside two records show the same."""
    if sha256(old.read_bytes()) == sha256(new.read_bytes()):
        return
    try:
        before, after = (_pixels(path) for path in (old, new))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        yield Difference("preview", f"no readable picture ({error})", None)
        return
    if before.shape != after.shape:
        yield Difference("preview", f"{before.shape}", f"{after.shape}")
        return
    apart = float(np.abs(before - after).mean())
    if apart > PICTURE:
        yield Difference("preview", 0.0, apart, PICTURE)


def _pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Image.open(io.BytesIO(path.read_bytes()), formats=["WEBP"]) as image:
        if image.width > 4096 or image.height > 4096:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        return np.asarray(image.convert("RGB"), dtype=np.float64)
