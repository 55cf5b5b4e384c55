"""A look at what was evaluated, where nobody could know beforehand.

The audit sees the first batches, and a module may behave until it was seen: count its calls, or know
the items. So one of the evaluated batches is audited again, chosen by the evaluated images themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256 as new_sha256

import numpy as np
from torch import Tensor

from ganqbench.audit import AuditReport
from ganqbench.harness.baselines import Array, array_hash
from ganqbench.zoo.generator import Batches, to_uint8

ROUNDING = 1
"""Levels of 255 by which kernels that are watched may round the full-precision images differently."""


@dataclass
class SecondLook:
    """Remembers every evaluated batch by its hash."""

    items: Batches
    batches: list[range] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def saw(self, indices: range, images: Tensor) -> None:
        """Remember the images, uint8, of one batch."""
        self.batches.append(indices)
        self.digests.append(array_hash(images.numpy()))

    def contradiction(
        self, audit: Callable[[range], AuditReport], bits: tuple[int, int], targets: Array
    ) -> str | None:
        """What differs in the chosen batch from what was audited and evaluated, as a sentence; else None.

        `audit` takes the numbers of that batch's items; `targets` are all items' full-precision images.
        """
        place = self._chosen()
        indices = self.batches[place]
        report = audit(indices)
        failure = report.failure(*bits)
        if failure is not None:
            return f"Audited again after the evaluation: {failure}"
        if array_hash(to_uint8(report.images)[: len(indices)].numpy()) != self.digests[place]:
            return "The generator gives other images after the evaluation than in it."
        first = indices.start - self.items.start
        return changed_reference(report, targets[first : first + len(indices)])

    def _chosen(self) -> int:
        """Any batch but the audited first one, where there are others."""
        number = int(new_sha256("".join(self.digests).encode()).hexdigest(), 16)
        audited = self.batches[0].start == 0 and len(self.batches) > 1
        return number % (len(self.batches) - audited) + audited


def changed_reference(report: AuditReport, targets: Array) -> str | None:
    """Says so if the full-precision generator no longer gives its images, uint8, of the audited items."""
    images = to_uint8(report.reference_images)[: len(targets)].numpy()
    if np.abs(images.astype(np.int16) - targets).max() <= ROUNDING:
        return None
    return (
        "The full-precision generator gives other images since the adapter ran: "
        "it changed functions or classes that are not its own."
    )


def filled(indices: Sequence[int], size: int) -> list[int]:
    """A batch's items and its first one again up to `size`: kernels may round otherwise for a shorter one."""
    return [*indices, *[indices[0]] * (size - len(indices))]
