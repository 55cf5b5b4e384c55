"""Which layer suffers: what quantizing one product alone does to the images of a board's generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from ganqbench.cell import Slug
from ganqbench.errors import UserError
from ganqbench.records.part import Name, Part, Sha256, check_interval
from ganqbench.site.board import Board
from ganqbench.site.whisker import Scale


class Layer(Part):
    """One product alone: mean PSNR in dB to the images of full precision, with its 95 % interval."""

    site: Name
    psnr: float
    low: float | None
    high: float | None

    @model_validator(mode="after")
    def _ordered(self) -> Layer:
        check_interval("psnr", self.psnr, self.low, self.high)
        return self


class Measured(Part):
    """The products of one generator, measured at a suite's resolution on some of its items."""

    suite: Slug
    suite_version: Annotated[int, Field(ge=1)]
    gan: Slug
    bits: Annotated[str, Field(pattern=r"^W\d+A\d+$")]
    weights: Sha256
    items: Annotated[int, Field(ge=1)]
    layers: Annotated[tuple[Layer, ...], Field(max_length=2000)]


class Figures(BaseModel):
    """The file as `benchmarks/figures.py` writes it; where its figures come from is not shown."""

    model_config = ConfigDict(frozen=True)

    gans: tuple[Measured, ...]


_FILE: TypeAdapter[Figures | tuple[Measured, ...]] = TypeAdapter(Figures | tuple[Measured, ...])
"""Older files are the list alone."""


@dataclass(frozen=True)
class Line:
    """A layer with its share of the generator's multiply-accumulates, None where no audit names it."""

    layer: Layer
    share: float | None


@dataclass(frozen=True)
class Sensitivity:
    """What a board's page shows."""

    bits: str
    items: int
    lines: tuple[Line, ...]
    """The most sensitive first."""
    scale: Scale


def read_sensitivity(path: Path) -> tuple[Measured, ...]:
    """What `benchmarks/sensitivity.py` wrote; nothing without the file, UserError for another."""
    if not path.is_file():
        return ()
    try:
        found = _FILE.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} holds no sensitivities of layers: {str(error).splitlines()[0]}.",
            "Write it with benchmarks/sensitivity.py, or name another with --sensitivity.",
        ) from error
    return found.gans if isinstance(found, Figures) else found


def sensitivity(board: Board, found: Sequence[Measured]) -> Sensitivity | None:
    """The layers of a board's generator; None unless they were measured with the board's own weights."""
    weights = {run.record.provenance.weights for row in board.rows for run in row.runs} - {None}
    here = (board.suite, board.version, board.gan)
    for one in found:
        if (one.suite, one.suite_version, one.gan) == here and weights == {one.weights} and one.layers:
            shares = _shares(board)
            lines = [Line(layer, shares.get(layer.site)) for layer in one.layers]
            lines.sort(key=lambda line: (line.layer.psnr, line.layer.site))
            ends = [end for layer in one.layers for end in (layer.psnr, layer.low, layer.high)]
            scale = Scale.over(ends, log=False)
            return Sensitivity(one.bits, one.items, tuple(lines), scale) if scale else None
    return None


def _shares(board: Board) -> dict[str, float]:
    audit = board.baseline.runs[0].record.audit if board.baseline else None
    if audit is None or not audit.macs:
        return {}
    return {op.site: op.macs / audit.macs for op in audit.ops}
