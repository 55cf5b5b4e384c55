"""The unit of work: GAN x adapter x method x bits x seed within a suite."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

# Names become path components, so nothing that could leave the results folder is a name.
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]

ARCHITECTURES = ("stylegan2", "sagan", "cyclegan")
"""Families of generators; every GAN's name holds that of its family."""


@dataclass(frozen=True, order=True)
class Bits:
    """Claimed widths of weights and activations; 32/32 is full precision, written `FP32`."""

    weights: int
    activations: int

    @classmethod
    def parse(cls, text: str | Bits) -> Bits:
        """Read `W4A8` or `FP32`; raises ValueError for anything else or widths outside 1..16."""
        if isinstance(text, Bits):
            return text
        if text == "FP32":
            return cls(32, 32)
        match = re.fullmatch(r"W([1-9]\d?)A([1-9]\d?)", text)
        if not match or not all(1 <= int(width) <= 16 for width in match.groups()):
            raise ValueError(f"{text!r} is not a bit-width: write W<bits>A<bits>, for example W4A8, or FP32")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return "FP32" if self.weights == 32 else f"W{self.weights}A{self.activations}"


BitsField = Annotated[Bits, BeforeValidator(Bits.parse), PlainSerializer(str, return_type=str)]


class Cell(BaseModel):
    """Identity of one cell. Two equal cells name the same row, seed and file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: Slug
    suite_version: Annotated[int, Field(ge=0)]
    gan: Slug
    adapter: Slug
    method: Slug
    recipe: Slug | None = None
    bits: BitsField
    seed: Annotated[int, Field(ge=0, lt=2**32)]

    @property
    def is_baseline(self) -> bool:
        """Whether this is the full-precision run that the others are paired to."""
        return self.adapter == "fp32"

    @property
    def architecture(self) -> str:
        """Family of the GAN, one of `ARCHITECTURES`; the GAN's own name where it is of no known family."""
        return next((family for family in ARCHITECTURES if family in self.gan), self.gan)

    @property
    def label(self) -> str:
        """Method, recipe, bits and seed as in the file name."""
        recipe = f"+{self.recipe}" if self.recipe else ""
        return f"{self.adapter}.{self.method}{recipe}.{self.bits}.s{self.seed}"

    @property
    def path(self) -> PurePosixPath:
        """Where the record lies below `results/`."""
        return PurePosixPath(f"{self.suite}-v{self.suite_version}", self.gan, f"{self.label}.json")

    def __str__(self) -> str:
        return f"{self.suite}-v{self.suite_version} {self.gan} {self.label}"
