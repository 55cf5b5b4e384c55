"""`ganqbench deploy`: real integer inference, measured against the best of full precision."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganqbench.cli.cells import named_cell
from ganqbench.cli.own_checkpoint import own_checkpoint

if TYPE_CHECKING:
    from ganqbench.harness.deployment import Settings
    from ganqbench.harness.gans import Gans
    from ganqbench.records.deploy_schema import Deploy, Deployed


@click.command()
@click.argument("cells", nargs=-1, required=True)
@click.option(
    "--runtime", "runtimes", multiple=True, help="Only this runtime, and only print; may be given again."
)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each runtime."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    default=15.0,
    show_default=True,
    help="Time for the rounds of one batch size; six rounds are made in any case.",
)
@click.option(
    "--batch", type=click.IntRange(2, 4096), help="Items of the throughput batch [8, large images 2]."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order within a round.")
@click.option("--keep", is_flag=True, help="Only print: leave the records as they are.")
@click.option("--json", "as_json", is_flag=True, help="Print each deploy part as JSON.")
@own_checkpoint
@click.pass_context
def deploy(
    ctx: click.Context,
    gans: Gans,
    cells: tuple[str, ...],
    runtimes: tuple[str, ...],
    threads: int,
    seconds: float,
    batch: int | None,
    seed: int,
    keep: bool,
    as_json: bool,
) -> None:
    """Run CELLS as integer graphs in every runtime here, beside full precision in all of them.

    Each of CELLS is a record's file, whose `deploy` part is then replaced, or
    SUITE/GAN/ADAPTER.METHOD[+RECIPE].BITS.sSEED, which is only printed. A record has to be current;
    running its cell again drops the part. One of several that can't be deployed doesn't keep the rest
    from it. Let nothing else run meanwhile: a busy machine is noted in the result.
    """
    from ganqbench.cli.main import debugging, told
    from ganqbench.deploy.engines import ENGINES
    from ganqbench.errors import UserError, unknown_name
    from ganqbench.harness.deployment import Settings

    for name in runtimes:
        if name not in ENGINES:
            raise unknown_name("runtime", name, ENGINES)
    if threads > (cores := _cores()):
        raise UserError(
            f"There {'is 1 core' if cores == 1 else f'are {cores} cores'} for {threads} threads.",
            "Give --threads no more than that.",
        )
    settings = Settings(tuple(runtimes) or ENGINES, threads, seconds, batch, seed)
    failed = False
    for text in cells:
        try:
            # Ratios to the best of some runtimes are none to the best of all: no record holds them.
            found = _measured(text, gans, settings, keep=keep or bool(runtimes))
        except (UserError, OSError) as error:
            if debugging():
                raise
            click.echo(f"{text}: {told(error)}" if len(cells) > 1 else told(error), err=True)
            failed = True
            continue
        click.echo(json.dumps(found.model_dump(mode="json")) if as_json else _table(text, found))
    if failed:
        ctx.exit(1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _measured(text: str, gans: Gans, settings: Settings, *, keep: bool) -> Deploy:
    from ganqbench.harness.deploy_part import (
        check_picture,
        check_place,
        current_key,
        with_deploy,
        write_deploy,
    )
    from ganqbench.harness.deployment import deploy as measure
    from ganqbench.harness.prepared import ending_alone, prepare
    from ganqbench.records.deploy_schema import Deploy

    named = named_cell(text, gans)
    named.check_ran()
    # What can't be deployed or replaced is refused before it costs minutes.
    if named.record is not None and not keep:
        check_place(named.record, Path(text))
    key = current_key(named.cell, named.suite, gans)
    if named.record is not None:
        with_deploy(named.record, None, key)
    prepared = prepare(named.cell, named.suite, gans)
    if named.record is not None:
        check_picture(prepared, named.suite, named.record, Path(text))
    with ending_alone(named.cell):
        part = measure(prepared, settings, key, lambda words: click.echo(f"  {words}", err=True))
        whole = None if named.record is None else with_deploy(named.record, part, key)
    if whole is not None and not keep:
        write_deploy(whole, Path(text))
    return Deploy.model_validate_json(json.dumps(part))


def _table(text: str, found: Deploy) -> str:
    lines = [text]
    if found.file_bytes is not None:
        lines[0] += (
            f": {found.file_bytes} bytes, {found.file_bytes / found.float_bytes:.3f} of full precision"
        )
    if found.reason is not None:
        lines.append(f"  no integer graph: {found.reason}")
    lines += [f"  {line.runtime} {line.kind}: {_sentence(line)}" for line in found.runtimes]
    if found.busy:
        others = "an unknown number of" if found.others is None else f"{found.others:g}"
        lines.append(f"  The machine was busy: others used {others} cores. Measure again when it is quiet.")
    return "\n".join(lines)


def _sentence(line: Deployed) -> str:
    if line.latency_ms is None or line.ratio is None or line.parity is None:
        return f"skipped, {line.reason}"
    words = (
        f"{line.latency_ms.median:.2f} ms ({line.latency_ms.low:.2f} to {line.latency_ms.high:.2f}), "
        f"{line.ratio.median:.2f} times the best full precision, parity {line.parity.psnr:.1f} dB"
    )
    if line.change is not None:
        words += (
            f", {line.integer_share or 0:.0%} of MACs in integers of {line.weight_bits} bits, "
            f"change {line.change.psnr:.1f} dB (worst {line.change.worst:.1f})"
        )
        words += f"; {line.note}" if line.note is not None else ""
    return words
