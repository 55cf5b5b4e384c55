"""Layers that a method leaves at another width than its claim: declared, audited, said where it counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ganqbench.records.schema import Audit, AuditedOp
from ganqbench.site import format as fmt

_NAMED = 12
"""How many layers are named before the rest is counted."""


@dataclass(frozen=True)
class Declared:
    """The layers of one run that its method declares, with the widths that the audit measured."""

    bits: str
    """The run's claim."""
    sites: tuple[tuple[str, str], ...]
    """Each layer with its measured widths: `("conv_out", "W8A8")`."""
    widest: str
    """The greatest width of their weights and of their activations."""
    share: float
    """Of the generator's multiply-accumulates, 0 to 1."""

    @property
    def short(self) -> str:
        """In a few words: `4 layers at W8A8`."""
        return f"{fmt.plural(len(self.sites), 'layer')} at {self.widest}"

    @property
    def text(self) -> str:
        """In a sentence that names the layers."""
        named = ", ".join(f"{site} {widths}" for site, widths in self.sites[:_NAMED])
        rest = len(self.sites) - _NAMED
        more = f" and {rest} more" if rest > 0 else ""
        share = f"{fmt.share(self.share)} of the MACs"
        return f"Declared exempt from {self.bits}: {named}{more}; {share}"


def declared(audit: Audit | None, bits: str) -> Declared | None:
    """What a run's audit says of declared layers; None where there are none."""
    ops = [op for op in audit.ops if op.declared] if audit else []
    if not audit or not ops:
        return None
    return Declared(
        bits,
        tuple((op.site, f"W{_left(op)}A{_width(op.activation_levels)}") for op in ops),
        f"W{max(map(_left, ops))}A{_widest(op.activation_levels for op in ops)}",
        sum(op.macs for op in ops) / audit.macs if audit.macs else 0.0,
    )


def _left(op: AuditedOp) -> int:
    return _width(op.weight_levels)


def _widest(levels: Iterable[int | None]) -> int:
    return max(map(_width, levels))


def _width(levels: int | None) -> int:
    """Bits that so many levels need; 32 for an operand on no grid."""
    return 32 if levels is None else max((levels - 1).bit_length(), 1)
