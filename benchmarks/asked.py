"""The targets of suite `claim`, row by row of its page, and whether they are reached.

A limit is the paired difference to full precision's Fréchet distance plus 1.96 standard errors, in per cent
of that distance. It is *reached* where it is no greater than asked, its standard error is small enough for
such a limit to mean something, and no single seed is more than a point above it; *missed* where the whole
interval lies beyond; else *open*. PSNR targets are *met* or *not met* by the values themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganqbench.metrics.interval import normal_quantile

Row = Mapping[str, Any]
LEAST_PSNR = 28.0
MOST_MOVED = 0.01
"""Of precision and recall: a distance alone can be gamed."""
FULL_SIZE = (38.0, 32.0)
"""PSNR that the full-size CycleGAN's images must have, in the mean and the worst of them."""
TIMES_BETTER = 5.0
LEAST_GAIN = 3.0
"""dB by which a row must be better than one that is as good as full precision."""


@dataclass(frozen=True)
class Asked:
    """A limit in per cent at one width, with the greatest standard error that it may rest on."""

    bits: str
    limit: float
    error: float
    trained: bool = True
    """Whether methods with a recipe may reach it, too."""

    @property
    def name(self) -> str:
        """In words."""
        return self.bits if self.trained else f"{self.bits}, calibrated alone"


def asked(gan: str) -> tuple[Asked, ...]:
    """What is asked of a generator's distances."""
    narrow = 2.0 if gan.startswith("stylegan2") else 4.0
    return Asked("W8A8", 1.0, 0.25), Asked("W8A8", 3.0, 0.5, trained=False), Asked("W4A8", narrow, 0.5)


def verdicts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For every generator and everything asked of it: the row nearest to it, and whether that reaches it."""
    made = []
    for gan in dict.fromkeys(row["gan"] for row in rows):
        own = [row for row in rows if row["gan"] == gan and row["method"].startswith("ganq.")]
        if all(row["limit"] is None for row in own):
            made += [_of_pixels(gan, row) for row in own]
            continue
        for wish in asked(gan):
            may = [
                row for row in own if row["bits"] == wish.bits and (wish.trained or "+" not in row["method"])
            ]
            if may:
                made.append(_of_distances(gan, wish, min(may, key=lambda row: _rank(row, wish))))
    return made


def _rank(row: Row, wish: Asked) -> tuple[int, float]:
    order = ("reached", "open", "missed")
    return order.index(verdict(row, wish)), row["limit"]


def verdict(row: Row, wish: Asked) -> str:
    """Whether a row, of the metric or of the third network, reaches what is asked."""
    if row["delta"] - normal_quantile() * row["se"] > wish.limit:
        return "missed"
    steady = max(row["each"]) <= wish.limit + 1
    several = len(row["seeds"]) >= 3
    if row["limit"] <= wish.limit and row["se"] <= wish.error and steady and several:
        return "reached"
    return "open"


def _of_distances(gan: str, wish: Asked, row: Row) -> dict[str, Any]:
    third = row["third"]
    faithful = row["psnr"] >= LEAST_PSNR and max(abs(row["precision"]), abs(row["recall"])) <= MOST_MOVED
    return {
        "gan": gan,
        "asked": f"{wish.name}: limit of {wish.limit:+.0f} %, SE of at most {wish.error} %",
        "method": row["method"],
        "found": f"{row['limit']:+.2f} %, SE {row['se']:.2f} %",
        "verdict": verdict(row, wish),
        "third": None if third is None else f"{third['limit']:+.2f} %, SE {third['se']:.2f} %",
        "third_verdict": None if third is None else verdict(third, wish),
        "faithful": faithful,
    }


def _of_pixels(gan: str, row: Row) -> dict[str, Any]:
    met = row["psnr"] >= FULL_SIZE[0] and row["worst"] >= FULL_SIZE[1]
    return {
        "gan": gan,
        "asked": f"{row['bits']}: PSNR of {FULL_SIZE[0]:.0f} dB in the mean, {FULL_SIZE[1]:.0f} dB at worst",
        "method": row["method"],
        "found": f"{row['psnr']:.2f} dB, {row['worst']:.2f} dB",
        "verdict": "met" if met else "not met",
        "third": None,
        "third_verdict": None,
        "faithful": None,
    }


def duel(ours: Row, theirs: Row, difference: Row, wish: Asked) -> str:
    """Whether a row of ours beats one of a third party, and by how much less it loses."""
    if verdict(theirs, wish) == "reached":
        won = "better" if difference["psnr"] >= LEAST_GAIN else "not shown to be better"
    elif difference["half"] is not None and difference["delta"] + difference["half"] < 0:
        won = "better"
    elif (
        difference["half_over_inputs"] is not None
        and difference["delta"] + difference["half_over_inputs"] < 0
    ):
        won = "better under these seeds"
    else:
        won = "not shown to be better"
    if theirs["delta"] - normal_quantile() * theirs["se"] <= 0:
        return f"{won}; the third party's loss is not shown"
    fewer = ours["limit"] <= theirs["delta"] / TIMES_BETTER
    return f"{won}; {'' if fewer else 'not '}{TIMES_BETTER:.0f} times less lost"


def tables(found: Sequence[Row], duels: Sequence[Row], third: Sequence[Row]) -> Iterator[str]:
    """All of them as Markdown."""
    faithful_head = f"{LEAST_PSNR:.0f} dB; precision, recall within {MOST_MOVED}"
    yield f"| generator | target | nearest row | found | | in the third network | | {faithful_head} |"
    yield "|---" * 8 + "|"
    for row in found:
        again = row["third"] or "-", row["third_verdict"] or "-"
        faithful = "-" if row["faithful"] is None else "yes" if row["faithful"] else "no"
        cells = (
            row["gan"],
            row["asked"],
            f"`{row['method']}`",
            row["found"],
            row["verdict"],
            *again,
            faithful,
        )
        yield f"| {' | '.join(cells)} |"
    if duels:
        yield ""
        yield from _duels(duels)
    if third:
        yield from ("", "The same in the third network:", "")
        yield from _duels(third)


def _duels(duels: Iterable[Row]) -> Iterator[str]:
    yield "| generator | bits | ours | third party | difference of distances | PSNR | |"
    yield "|---" * 7 + "|"
    for row in duels:
        most = "" if row["exact"] else "≤ "
        half = "" if row["half"] is None else f" ±{most}{row['half']:.1f}"
        if len(row["seeds"]) > 1 and row["half_over_inputs"] is not None:
            half = f" ±{most}{row['half_over_inputs']:.1f} % over inputs,{half}"
        cells = (
            *(row["gan"], row["bits"], f"`{row['ours']}`", f"`{row['theirs']}`"),
            *(f"{row['delta']:+.1f}{half} %", f"{row['psnr']:+.2f} dB", row["verdict"]),
        )
        yield f"| {' | '.join(cells)} |"
