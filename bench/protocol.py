"""How a suite measures one GAN."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Protocol(BaseModel):
    """How one GAN is calibrated and evaluated. Counts are items of the zoo entry's splits.

    Distances need a zoo entry that names its `domain`. The audit takes the first two batches of the
    evaluation items, so `final` is at least twice `batch`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    resolution: Annotated[int, Field(ge=8, le=4096)]
    calibrate: Annotated[int, Field(ge=1)]
    final: Annotated[int, Field(ge=4)]
    batch: Annotated[int, Field(ge=2)]
    preview_bytes: Annotated[int, Field(ge=1000, le=160_000)]
    extractor: Literal["embedded", "third", "inception"] | None = None
    """Network that distances are computed in; without one only pixels are compared."""

    def counts(self) -> dict[str, int]:
        """Resolution and numbers of items."""
        return self.model_dump(mode="json", exclude={"preview_bytes", "extractor"})

    def numeric(self) -> dict[str, int | str]:
        """All that can change a number."""
        return self.model_dump(mode="json", exclude={"preview_bytes"}, exclude_none=True)

    @model_validator(mode="after")
    def _two_batches(self) -> Protocol:
        if self.final < 2 * self.batch:
            raise ValueError("final must be at least twice batch")
        return self
