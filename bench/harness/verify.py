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
from ganqbench.harness.gans import ZOO, Gans
from ganqbench.harness.plan import Plan, make_plan
from ganqbench.harness.record_suite import record_suite
from ganqbench.harness.run import run_plan
from ganqbench.records.canonical import sha256
from ganqbench.records.compare import Difference, differences
from ganqbench.records.schema import Record
from ganqbench.records.spot_check import spot_differences
from ganqbench.records.store import preview_path, read
from ganqbench.suite import Suite

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
    records: Sequence[tuple[Path, Record]],
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
    groups: dict[str, tuple[Suite, list[tuple[Path, Record]]]] = {}
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
        plan = _plan(suite, [record for _, record in members], folder, gans)
        run_plan(plan, folder, suite.time_limit_s, LocalExecutor(jobs))
        for path, record in members:
            yield _verdict(path, record, folder, suite if inputs is not None else None)


def _plan(suite: Suite, records: Iterable[Record], folder: Path, gans: Gans) -> Plan:
    """The records' cells alone; what baselines give is computed on the way."""
    wanted = {record.cell for record in records}
    baselines = {suite.baseline(cell.gan) for cell in wanted}
    for gan in sorted({cell.gan for cell in wanted}):
        gans.entry(gan).prepare()
    cells = [cell for cell in suite.cells() if cell in wanted | baselines]
    plan = make_plan(suite, cells, folder, gans=gans)
    return Plan(tuple(item for item in plan.todo if item.cell in wanted), (), plan.baselines, gans)


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
    if again.status == "skipped" and record.status != "skipped":
        return Verdict(path, record, reason=again.reason)
    compared = differences(record, again) if part is None else spot_differences(record, again)
    found = [*compared, *_origins(record, again, whole=part is None)]
    if record.status == again.status == "ok":
        found += _pictures(preview_path(path), preview_path(place))
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
