"""Options by which a command learns the generator that records of suite `own` are about."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click

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
    @click.option("--arch", help="Architecture of the checkpoint, where the file doesn't tell.")
    @click.option(
        "--suite", "suite_name", default="mini", show_default=True, help="Suite run on the checkpoint."
    )
    @wraps(command)
    def with_gans(*arguments: P.args, **options: P.kwargs) -> T:
        named = (options.pop(name) for name in ("checkpoint", "arch", "suite_name"))
        return command(Gans(*named), *arguments, **options)  # type: ignore[arg-type]

    return with_gans
