"""`ganqbench export`: a quantized generator as an ONNX file that any runtime of the format runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganqbench.cli.own_checkpoint import own_checkpoint

if TYPE_CHECKING:
    from ganqbench.cell import Cell
    from ganqbench.harness.gans import Gans
    from ganqbench.records.schema import Record


@click.command()
@click.argument("cell")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option(
    "--plain",
    is_flag=True,
    help="Leave transposed convolutions as they are, not rewritten for integer kernels.",
)
@click.option(
    "--least-psnr",
    type=float,
    default=30.0,
    show_default=True,
    help="Refuse a model whose images agree less with the measured generator, in dB.",
)
@own_checkpoint
def export(gans: Gans, cell: str, out: Path, plain: bool, least_psnr: float) -> None:
    """Quantize CELL again and write it as a graph of integers to --out.

    CELL is a record's file, or SUITE/GAN/ADAPTER.METHOD.BITS.sSEED, as in
    mini/sagan-cifar10/ganq.ptq-mse.W8A8.s0. The file is checked, and its images are compared
    with those of the quantized generator before it is put in place.
    """
    from ganqbench.harness.export_cell import export_cell

    found = export_cell(named_cell(cell, gans), gans, rewrite=not plain, least_psnr=least_psnr)
    temporary = out.with_name(f".{out.name}.tmp")
    temporary.write_bytes(found.model)
    temporary.replace(out)
    click.echo(
        f"{out}: {len(found.model)} bytes, {len(found.model) / found.float_bytes:.3f} of full precision; "
        f"against the quantized generator {found.parity.psnr:.1f} dB on {found.parity.n} items "
        f"(worst {found.parity.worst:.1f} dB, worst pixel {found.parity.worst_pixel} of 255)."
    )


def read_record(path: Path) -> Record:
    """The record in a file; UserError where there is none."""
    from ganqbench.errors import UserError
    from ganqbench.records.store import InvalidRecord, read

    try:
        return read(path)
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.", "Give a file below results/.") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}.", "Give a file below results/.") from error
    except InvalidRecord as error:
        why = str(error).removeprefix(f"{path}: ").rstrip(".")
        raise UserError(f"{path} is no record: {why}.", "Give a file below results/.") from error


def named_cell(text: str, gans: Gans | None = None) -> Cell:
    """The cell of a record's file, or the one that a text names; UserError for neither."""
    import re

    from pydantic import ValidationError

    from ganqbench.cell import Cell
    from ganqbench.errors import UserError
    from ganqbench.harness.gans import ZOO
    from ganqbench.harness.own_suite import named_suite

    if text.endswith(".json"):
        return read_record(Path(text)).cell
    match = re.fullmatch(r"([^/]+)/([^/]+)/([^.]+)\.([^.+]+)(?:\+([^.]+))?\.(W\d+A\d+)\.s(\d+)", text)
    if match is None:
        raise UserError(
            f"{text!r} names no cell.", "Write suite/gan/adapter.method.bits.seed, or give a record's file."
        )
    suite, gan, adapter, method, recipe, bits, seed = match.groups()
    fields = {
        "gan": gan,
        "adapter": adapter,
        "method": method,
        "recipe": recipe,
        "bits": bits,
        "seed": int(seed),
    }
    version = named_suite(suite, gans or ZOO).version
    try:
        return Cell.model_validate({"suite": suite, "suite_version": version, **fields})
    except ValidationError as error:
        raise UserError(f"{text!r} names no cell: {error.errors()[0]['msg']}.", "Check each part.") from error
