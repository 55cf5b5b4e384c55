"""A finished record and what is made of its cell afterwards: its deploy part, the only part of it that is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ganqbench.adapter import load_adapter
from ganqbench.cell import Cell
from ganqbench.errors import UserError
from ganqbench.harness.gans import Gans
from ganqbench.harness.identity import numeric_code, resume_key, versions
from ganqbench.harness.ledger import Ledger
from ganqbench.harness.measure import SHOWN, render
from ganqbench.harness.pictures import picture_differences
from ganqbench.harness.pinned import THREADS
from ganqbench.harness.prepared import Prepared, as_in_its_process, ending_alone
from ganqbench.harness.preview import write_preview
from ganqbench.harness.provenance import hardware
from ganqbench.home import home
from ganqbench.records.canonical import sha256
from ganqbench.records.schema import Record
from ganqbench.records.store import content_faults, preview_path, read, seal, write
from ganqbench.records.validate import record_faults
from ganqbench.suite import Suite
from ganqbench.zoo.generator import Batches


def current_key(cell: Cell, suite: Suite, gans: Gans) -> str:
    """The resume key that a record of this cell has, made with what is here."""
    entry, adapter = gans.entry(cell.gan), load_adapter(cell.adapter)
    return resume_key(cell, suite, entry, numeric_code(cell, entry), versions(adapter, entry))


def check_current(record: Record, key: str) -> None:
    """UserError unless the record's resume key is this: else its generator is not the one made here."""
    if record.provenance.key != key:
        raise UserError(
            f"The record of {record.cell} is not current: its generator is not the one made here.",
            "Run its cell again with `ganqbench run` first.",
        )


def check_place(record: Record, path: Path) -> None:
    """UserError unless the file lies where its record belongs, beside its image; else nothing replaces it."""
    faults = list(record_faults(record, path))
    if faults:
        raise UserError(
            f"{path}: {'; '.join(faults)}.",
            "Put the record and its image where they belong, or only print with --keep.",
        )


def check_picture(prepared: Prepared, suite: Suite, record: Record, path: Path) -> None:
    """UserError unless the generator made here gives the images of the record in the file at `path`.

    To the bit on the processor that the record is of.
    """
    if record.preview is None:
        return
    with as_in_its_process(record.cell), ending_alone(record.cell):
        made = _preview(prepared, suite.protocol[record.cell.gan].preview_bytes)
    if sha256(made) == record.preview.sha256:
        return
    there, here, image = record.provenance.hardware, hardware(THREADS), preview_path(path)
    same = (there.cpu, list(there.isa), there.accelerator) == (here["cpu"], here["isa"], None)
    if same or (image.is_file() and any(picture_differences(image.read_bytes(), made))):
        raise UserError(
            f"The generator of {record.cell} that was made here gives other images than the recorded one.",
            "Let its adapter draw random numbers from `cell.seed` alone, and run the cell again.",
        )


def _preview(prepared: Prepared, most_bytes: int) -> bytes:
    """The image file that the record of a generator has."""
    items = prepared.items
    whole = items.size * -(-SHOWN // items.size)  # images may depend on those of their batch
    batches = render(prepared.module, Batches(items.source, min(whole, items.n), items.size))
    images = torch.cat([images for _, images in batches])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "preview.webp")
        write_preview(images[:SHOWN], path, most_bytes)
        return path.read_bytes()


def with_deploy(record: Record, part: Mapping[str, Any] | None, key: str) -> Record:
    """The record with this part; its resume key stays, its hash doesn't.

    Raises UserError for a record that isn't current (its numbers are of another generator than the one
    deployed) or that isn't ok, and ValueError for a part that no record may hold.
    """
    if record.status != "ok":
        raise UserError(
            f"{record.cell} is {record.status}: there is nothing to deploy.", "Choose a cell that is ok."
        )
    check_current(record, key)
    document = record.model_dump(mode="json", by_alias=True, exclude={"hash"})
    found = seal({**document, "deploy": part})
    faults = list(content_faults(found))
    if faults:
        raise ValueError("; ".join(faults))
    return found


def write_deploy(record: Record, path: Path) -> None:
    """Replace the record file at `path`, its image stays; a note of a re-run was on the old one and goes.

    One that was made here still counts as made here. Raises UserError, and writes nothing, where the file
    does not lie where the record belongs.
    """
    check_place(record, path)
    image = None if record.preview is None else preview_path(path).read_bytes()
    ledger = Ledger(home())
    if read(path).hash in ledger.hashes():
        ledger.add(record)
    write(record, image, path.resolve().parents[2])
