"""Run a record's cell again and compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ganqbench.errors import UserError
from ganqbench.harness.executor import LocalExecutor
from ganqbench.harness.gans import ZOO, Gans
from ganqbench.harness.interruption import Stopped
from ganqbench.harness.pictures import picture_differences
from ganqbench.harness.plan import Plan, make_plan
from ganqbench.harness.record_suite import record_suite
from ganqbench.harness.run import run_plan
from ganqbench.harness.skips import missing
from ganqbench.records.compare import Difference, differences, same_reason
from ganqbench.records.schema import Record
from ganqbench.records.spot_check import spot_differences
from ganqbench.records.store import preview_path, read
from ganqbench.suite import Suite

Placed = tuple[Path, Record]


@dataclass(frozen=True)
class Verdict:
    """What came of one record. Without `again` it could not be checked, for the reason given."""

    path: Path
    record: Record
    again: Record | None = None
    differences: tuple[Difference, ...] = ()
    reason: str | None = None
    inputs: int | None = None
    """Where only so many evaluation inputs were run again."""

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
        if self.inputs is not None:
            return (
                f"agrees in audit, pictures and pixels of the first {self.inputs} inputs; distances unchecked"
            )
        return f"agrees in {len(self.record.metrics)} metrics and the audit"


def verify(
    records: Sequence[Placed],
    work: Path,
    jobs: int,
    gans: Gans = ZOO,
    *,
    inputs: int | None = None,
) -> Iterator[Verdict]:
    """Run the cells of `records` again below the folder `work`; one verdict each, suite by suite.

    With `inputs` each is quantized and audited as ever, but evaluated on its first so many inputs only,
    in pixels; see `spot_check` for what is compared then.
    A record's suite is the packaged one of its name and version, or the `suite.toml` in its suite's
    folder. `gans` holds the checkpoint that records of suite `own` need.
    """
    groups: dict[str, tuple[Suite, list[Placed]]] = {}
    for path, record in records:
        try:
            suite = record_suite(path, record, gans)
        except UserError as error:
            yield Verdict(path, record, reason=str(error))
            continue
        if inputs is not None:
            suite = first_inputs(suite, inputs)
        groups.setdefault(suite.model_dump_json(), (suite, []))[1].append((path, record))
    for number, (suite, members) in enumerate(groups.values()):
        folder = work / str(number)
        reasons = _unusable(suite, members, folder, gans)
        usable = [(path, record) for path, record in members if path not in reasons]
        for path, record in members:
            if path in reasons:
                yield Verdict(path, record, reason=reasons[path])
        plan = _plan(suite, usable, folder, gans)
        try:
            run_plan(plan, folder, suite.time_limit_s, LocalExecutor(jobs))
        except Stopped as stop:
            raise Stopped(stop.number, "cells that are not listed were not compared; none is kept.") from None
        for path, record in usable:
            yield _verdict(path, record, folder, suite if inputs is not None else None)


def _unusable(suite: Suite, members: Sequence[Placed], folder: Path, gans: Gans) -> dict[Path, str]:
    """Why records can't be run here: weights or an adapter are not to be had. The others are left out."""
    lacking = {name: _refusal(partial(_load, gans, name)) for name in {each.cell.gan for _, each in members}}
    found = {path: lacking[record.cell.gan] for path, record in members}
    rest = [(path, record) for path, record in members if found[path] is None]
    if _refusal(partial(_plan, suite, rest, folder, gans)):
        found |= {each[0]: _refusal(partial(_plan, suite, [each], folder, gans)) for each in rest}
    return {path: reason for path, reason in found.items() if reason is not None}


def _refusal(attempt: Callable[[], object]) -> str | None:
    """The words of the UserError that an attempt ends in; None where it succeeds."""
    try:
        attempt()
    except UserError as error:
        return str(error)
    return None


def _load(gans: Gans, name: str) -> None:
    entry = gans.entry(name)
    entry.prepare()
    if missing(entry) is None:
        entry.load()


def _plan(suite: Suite, members: Iterable[Placed], folder: Path, gans: Gans) -> Plan:
    """The records' cells alone; what baselines give is computed on the way."""
    wanted = {record.cell for _, record in members}
    baselines = {suite.baseline(cell.gan) for cell in wanted}
    cells = [cell for cell in suite.cells() if cell in wanted | baselines]
    plan = make_plan(suite, cells, folder, gans=gans)
    todo = tuple(item for item in plan.todo if item.cell in wanted)
    # Full precision is rendered anew as well: what the machine that made the record keeps proves nothing.
    return Plan(todo, (), plan.baselines, gans, images=folder / "full-precision")


def first_inputs(suite: Suite, inputs: int) -> Suite:
    """The suite with only so many evaluation inputs, in whole batches, at least the two of the audit."""
    cut = {}
    for gan, protocol in suite.protocol.items():
        batches = max(2, -(-inputs // protocol.batch))
        final = min(protocol.final, batches * protocol.batch)
        cut[gan] = protocol.model_copy(update={"final": final, "extractor": None})
    return suite.model_copy(update={"protocol": cut})


def _verdict(path: Path, record: Record, folder: Path, part: Suite | None) -> Verdict:
    place = folder / record.cell.path
    again = read(place)
    if again.status == "skipped" and not (record.status == "skipped" and same_reason(record, again)):
        return Verdict(path, record, reason=again.reason)
    if record.status == "skipped" and again.status != "skipped":
        return Verdict(path, record, reason=f"skipped where it was recorded, {again.status} here")
    compared = differences(record, again) if part is None else spot_differences(record, again)
    found = [*compared, *_origins(record, again, whole=part is None)]
    if record.status == again.status == "ok":
        found += picture_differences(*(preview_path(each).read_bytes() for each in (path, place)))
    inputs = None if part is None else part.protocol[record.cell.gan].final
    return Verdict(path, record, again, tuple(found), inputs=inputs)


def _origins(record: Record, again: Record, *, whole: bool) -> Iterator[Difference]:
    """Weights, inputs and counts that are not those of the re-run, which was of the whole cell or a part."""
    before, after = record.provenance, again.provenance
    if before.weights != after.weights:
        yield Difference("weights", before.weights or "unknown", after.weights or "unknown")
    # Where one failed before its inputs were known, there is nothing to compare.
    if before.inputs and after.inputs:
        # A part needs no network and no reference.
        names = {*before.inputs, *after.inputs} if whole else {*after.inputs}
        yield from _mapping("inputs", before.inputs, after.inputs, names)
    counts = {*before.protocol, *after.protocol} - (set() if whole else {"final"})
    yield from _mapping("protocol", before.protocol, after.protocol, counts)
    if (
        whole
        and record.status == "ok"
        and before.versions == after.versions
        and before.numeric_code == after.numeric_code
        and before.hardware == after.hardware
        and before.baseline_images != after.baseline_images
    ):
        yield Difference("baseline_images", before.baseline_images, after.baseline_images)


def _mapping(
    what: str, old: Mapping[str, str | int], new: Mapping[str, str | int], names: Iterable[str]
) -> Iterator[Difference]:
    for name in sorted(names):
        if old.get(name) != new.get(name):
            yield Difference(f"{what}.{name}", old.get(name), new.get(name))
