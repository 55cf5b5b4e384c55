"""How a suite measures one GAN."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Protocol(BaseModel):
    """How one GAN is calibrated and evaluated. Counts are items of the zoo entry's splits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resolution: Annotated[int, Field(ge=8, le=4096)]
    calibrate: Annotated[int, Field(ge=1)]
    final: Annotated[int, Field(ge=2)]
    batch: Annotated[int, Field(ge=1)]
    audit: Annotated[int, Field(ge=2)] = 2
    preview_bytes: Annotated[int, Field(ge=1000, le=160_000)]
