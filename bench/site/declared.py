"""Layers that a method leaves at another width than its claim: declared, audited, said where it counts."""

from __future__ import annotations

from dataclasses import dataclass

from ganqbench.records.schema import Audit
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
    weights, activations = zip(*(op.widths for op in ops), strict=True)
    return Declared(
        bits,
        tuple((op.site, "W{}A{}".format(*op.widths)) for op in ops),
        f"W{max(weights)}A{max(activations)}",
        sum(op.macs for op in ops) / audit.macs if audit.macs else 0.0,
    )
