"""Options by which a command learns the generator that records of suite `own` are about."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click

from ganqbench.errors import UserError
from ganqbench.harness.gans import Gans

P = ParamSpec("P")
T = TypeVar("T")


def own_checkpoint(command: Callable[Concatenate[Gans, P], T]) -> Callable[P, T]:
    """Gives the command --checkpoint, --arch and --suite, and calls it with what they name."""

    @click.option(
        "--checkpoint",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The generator that records of suite `own` were measured on.",
    )
    @click.option("--arch", help="Architecture that the checkpoint has to be of.")
    @click.option("--suite", "suite_name", help="Suite that was run on the checkpoint [mini].")
    @wraps(command)
    def with_gans(*arguments: P.args, **options: P.kwargs) -> T:
        checkpoint, arch, suite = (options.pop(name) for name in ("checkpoint", "arch", "suite_name"))
        if checkpoint is None and (arch is not None or suite is not None):
            raise UserError(
                "--arch and --suite say how a checkpoint was measured.",
                "Give --checkpoint FILE with them, or drop them.",
            )
        own = checkpoint, arch, suite or "mini"
        gans = Gans() if checkpoint is None else Gans(*own)  # type: ignore[arg-type]
        return command(gans, *arguments, **options)

    return with_gans
