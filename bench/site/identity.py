"""What may stand in one column: a metric of one identity, and never two kinds of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ganqbench.records.bounds import BOUNDS
from ganqbench.site.load import Run
from ganqbench.site.tables import PARTS

_SHOWN = 4


@dataclass(frozen=True)
class Mixed:
    """A metric that a board leaves out, since its runs measured different things by its name."""

    metric: str
    kinds: tuple[tuple[str, int], ...]
    """What the runs say it is, and how many say so; the most frequent first."""

    @property
    def columns(self) -> list[str]:
        """The metric's columns in a table."""
        return [f"{self.metric}{part}" for part in PARTS]

    @property
    def text(self) -> str:
        """The kinds in words."""
        shown = [f"{kind} in {count}" for kind, count in self.kinds[:_SHOWN]]
        return "; ".join([*shown, *(["and others"] if len(self.kinds) > _SHOWN else [])])


def mixed(runs: Sequence[Run]) -> tuple[Mixed, ...]:
    """The metrics that these runs can't share a column for.

    A metric without an identity is one of pixels; its number of images is then its identity.
    """
    found = []
    for name in BOUNDS:
        metrics = [run.record.metrics[name] for run in runs if name in run.record.metrics]
        kinds = Counter(metric.identity or f"{name}[n={metric.n}]" for metric in metrics)
        if len(kinds) > 1:
            found.append(Mixed(name, tuple(sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0])))))
    return tuple(found)


def space(identity: str) -> str:
    """An identity without the metric's name: what the metrics of one evaluation have in common."""
    return re.sub(r"^[a-z_]+(?=\[)", "", identity)
