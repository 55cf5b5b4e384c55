"""Suites: pinned grids of cells with sample counts, seeds and tolerances, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganqbench.cell import BitsField, Cell, Slug
from ganqbench.errors import UserError, unknown_name
from ganqbench.protocol import Protocol
from ganqbench.records.bounds import BOUNDS
from ganqbench.records.canonical import canonical, sha256
from ganqbench.records.text import sentence

BASELINE_METHOD = "baseline"
OWN = "own"
"""What a suite is called that is run on a checkpoint of the user's."""


class Grid(BaseModel):
    """A rectangle of cells; methods are written `adapter.method` or `adapter.method+recipe`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gan: Slug
    methods: tuple[str, ...]
    bits: tuple[BitsField, ...]
    seeds: tuple[int, ...]


class Suite(BaseModel):
    """One version of a suite. Version 0 is unfinished and unpublished."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Slug
    version: Annotated[int, Field(ge=0, le=9999)]
    title: str
    cpu_hours: Annotated[float, Field(gt=0)]
    time_limit_s: Annotated[float, Field(gt=0)]
    protocol: dict[Slug, Protocol]
    tolerance: dict[Slug, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    grid: tuple[Grid, ...]

    def cells(self) -> tuple[Cell, ...]:
        """Every cell, the full-precision baseline of each GAN first; no cell stands twice."""
        return tuple(dict.fromkeys([*self._baselines(), *self._grid_cells()]))

    def _baselines(self) -> Iterator[Cell]:
        for gan in self.protocol:
            yield self.baseline(gan)

    def _grid_cells(self) -> Iterator[Cell]:
        for grid in self.grid:
            for name in grid.methods:
                adapter, _, rest = name.partition(".")
                method, _, recipe = rest.partition("+")
                for bits in grid.bits:
                    for seed in grid.seeds:
                        yield self._cell(grid.gan, adapter, method, str(bits), seed, recipe or None)

    def baseline(self, gan: str) -> Cell:
        """The full-precision cell that a GAN's other cells are paired to."""
        return self._cell(gan, "fp32", BASELINE_METHOD, "FP32", 0)

    def _cell(
        self, gan: str, adapter: str, method: str, bits: str, seed: int, recipe: str | None = None
    ) -> Cell:
        return Cell.model_validate(
            {
                "suite": self.name,
                "suite_version": self.version,
                "gan": gan,
                "adapter": adapter,
                "method": method,
                "recipe": recipe,
                "bits": bits,
                "seed": seed,
            }
        )

    def digest(self, gan: str) -> str:
        """Hash of all in this suite that can change a number of this GAN's cells."""
        return sha256(canonical({"version": self.version, "protocol": self.protocol[gan].numeric()}))


def suite_names() -> tuple[str, ...]:
    """Names of the suites in the package, sorted."""
    folder = files("ganqbench.suites")
    return tuple(sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".toml")))


def load_suite(name: str) -> Suite:
    """The current version of a packaged suite, or the suite in a file whose name ends in `.toml`.

    Raises UserError with the closest names, or with what is wrong with the file.
    """
    if name.endswith(".toml"):
        return _read_file(Path(name))
    if name not in suite_names():
        raise unknown_name("suite", name, suite_names())
    text = (files("ganqbench.suites") / f"{name}.toml").read_text(encoding="utf-8")
    return Suite.model_validate(tomllib.loads(text))


def _read_file(path: Path) -> Suite:
    try:
        suite = Suite.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        _check(suite)
    except OSError as error:
        raise UserError(
            f"{path} can't be read: {error.strerror}.",
            "Give the path of a suite's file, or a name from list suites.",
        ) from error
    except ValidationError as error:
        raise _no_suite(path, "; ".join(map(sentence, error.errors()))) from error
    except ValueError as error:
        raise _no_suite(path, str(error)) from error
    if suite.name in (*suite_names(), OWN):
        raise UserError(
            f"{path} calls itself {suite.name!r}, which is the name of another suite.",
            "Give your suite another name.",
        )
    return suite


def _no_suite(path: Path, problem: str) -> UserError:
    return UserError(f"{path} is not a suite: {problem}.", "See bench/suites/mini.toml for one.")


def _check(suite: Suite) -> None:
    """Raises ValueError where the parts of a suite don't fit each other."""
    for grid in suite.grid:
        if grid.gan not in suite.protocol:
            raise ValueError(f"its grid has {grid.gan}, but there is no [protocol.{grid.gan}]")
        for name in grid.methods:
            if "." not in name:
                raise ValueError(f"{name!r} is no adapter.method or adapter.method+recipe")
    unknown = sorted(suite.tolerance.keys() - BOUNDS.keys())
    if unknown:
        raise ValueError(f"tolerance.{unknown[0]}: no such metric; known are {', '.join(BOUNDS)}")
    for cell in suite.cells():
        if cell.is_baseline != (str(cell.bits) == "FP32"):
            raise ValueError(
                f"its grid of {cell.gan} has {cell.adapter}.{cell.method} at {cell.bits}; "
                "FP32 is the baseline's, and its alone"
            )
