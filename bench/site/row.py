"""A row of a board: one configuration over its seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ganqbench.site import names
from ganqbench.site.columns import Values
from ganqbench.site.declared import Declared, declared
from ganqbench.site.judge import Judged
from ganqbench.site.load import Run


@dataclass(frozen=True)
class Row:
    """Adapter x method x recipe x bits over its seeds."""

    adapter: str
    method: str
    recipe: str | None
    bits: str
    status: str
    reason: str
    seeds: int
    seeds_ok: int
    values: Values
    texts: Mapping[str, str]
    """Identities and notes of its metrics: `fid_identity`, `fid_note`."""
    judged: Judged | None
    runs: tuple[Run, ...]
    """By seed; those with a result first."""

    @property
    def id(self) -> str:
        """The row's anchor on its page."""
        recipe = f"+{self.recipe}" if self.recipe else ""
        return f"{self.adapter}.{self.method}{recipe}.{self.bits}"

    @property
    def is_baseline(self) -> bool:
        """Whether this is FP32."""
        return self.adapter == "fp32"

    @property
    def backend(self) -> names.Backend:
        """Label and mark of the adapter."""
        return names.backend(self.adapter)

    @property
    def title(self) -> str:
        """What the method is called."""
        if self.is_baseline:
            return "FP32 baseline"
        return names.method_title(self.adapter, self.method, self.recipe)

    @property
    def self_reported(self) -> bool:
        """Whether nobody ran any of its seeds again, though it has a result."""
        return self.status == "ok" and not any(run.rerun for run in self.runs)

    @property
    def start(self) -> str:
        """What the method is called without its recipe."""
        return "FP32 baseline" if self.is_baseline else names.method_title(self.adapter, self.method, None)

    @property
    def recipe_title(self) -> str:
        """What its recipe is called; empty without one."""
        return names.RECIPES.get(self.recipe, self.recipe) if self.recipe else ""

    @property
    def reference(self) -> str | None:
        """Where the method comes from, in a line."""
        return names.method_reference(self.adapter, self.method)

    @property
    def kind(self) -> str:
        """PTQ, Reconstruction, QAT or nothing."""
        return names.method_kind(self.adapter, self.method, self.recipe)

    @property
    def name(self) -> str:
        """The row in words."""
        return self.title if self.is_baseline else f"{self.title}, {self.backend.label}"

    @cached_property
    def declared(self) -> Declared | None:
        """The layers that its method leaves at another width; None if all are at the claimed one."""
        return declared(self.runs[0].record.audit, self.bits) if self.runs else None

    @property
    def kept_start(self) -> bool:
        """Whether its recipe found no state nearer to full precision than the start, under any seed."""
        trainings = [run.record.training for run in self.runs]
        return bool(trainings) and all(training and not training.kept for training in trainings)

    @property
    def claim(self) -> str:
        """Its widths, and what is not held to them: `W4A8, 4 layers at W8A8`."""
        return f"{self.bits}, {self.declared.short}" if self.declared else self.bits

    @property
    def uniform(self) -> bool | None:
        """Whether every layer is held to the claimed width; None where no audit says so."""
        audited = bool(self.runs) and self.runs[0].record.audit is not None
        return self.declared is None if audited and not self.is_baseline else None

    def get(self, key: str) -> float | None:
        """The row's value of a column of the rows table."""
        return self.values.get(key)

    def span(self, key: str) -> tuple[float, float] | None:
        """The interval of a metric; None without one."""
        low, high = self.get(f"{key}_low"), self.get(f"{key}_high")
        return None if low is None or high is None else (low, high)

    def note(self, key: str) -> str:
        """What a reader must know of a metric."""
        return self.texts.get(f"{key}_note", "")
