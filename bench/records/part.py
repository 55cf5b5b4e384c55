"""What the parts of a record are made of: strict, closed models and bounded fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ganqbench.cell import Slug

Text = Annotated[str, Field(max_length=4000)]
NAME_LENGTH = 200
Name = Annotated[str, Field(max_length=NAME_LENGTH)]
Sha256 = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Base of every part of a record: strict, closed, immutable, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Hardware(Part):
    """The machine that ran the cell."""

    cpu: Name
    isa: Annotated[tuple[Slug, ...], Field(max_length=64)]
    cores: Count
    threads: Count
    os: Name
    accelerator: Name | None
    """The kind of device that the cell could see beside the processor."""


def check_interval(name: str, value: float, low: float | None, high: float | None) -> None:
    """Raises ValueError unless both ends are there and hold the value, or there is neither."""
    if (low is None) != (high is None):
        raise ValueError("low and high come together or not at all")
    if low is not None and high is not None and not low <= value <= high:
        raise ValueError(f"{name} {value} lies outside its interval {low}..{high}")
