"""`ganqbench export`: a quantized generator as an ONNX file that any runtime of the format runs."""

from __future__ import annotations

from pathlib import Path

import click

from ganqbench.cli.cells import named_cell
from ganqbench.cli.out_file import check_out
from ganqbench.cli.own_checkpoint import own_checkpoint
from ganqbench.harness.gans import Gans


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
    """Quantize CELL again and write it as an integer graph to --out.

    CELL is a record's file, or SUITE/GAN/ADAPTER.METHOD[+RECIPE].BITS.sSEED, as in
    mini/sagan-cifar10/ganq.ptq-mse.W8A8.s0. A record has to be current. The file is checked, and its
    images in ONNX Runtime are compared with those of the quantized generator before it is put in place.
    """
    from ganqbench.harness.deploy_part import check_current, current_key
    from ganqbench.harness.export_cell import export_cell
    from ganqbench.records.store import put

    check_out(out, [path for path in (Path(cell), gans.checkpoint) if path is not None])
    named = named_cell(cell, gans)
    named.check_ran()
    if named.record is not None:
        check_current(named.record, current_key(named.cell, named.suite, gans))
    recorded = None if named.record is None else (named.record, Path(cell))
    found = export_cell(
        *(named.cell, named.suite, gans), rewrite=not plain, least_psnr=least_psnr, recorded=recorded
    )
    put(out, found.model)
    click.echo(
        f"{out}: {len(found.model)} bytes, {len(found.model) / found.float_bytes:.3f} of full precision; "
        f"against the quantized generator {found.parity.psnr:.1f} dB on {found.parity.n} items "
        f"(worst {found.parity.worst:.1f} dB, worst pixel {found.parity.worst_pixel} of 255)."
    )
