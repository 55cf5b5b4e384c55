"""The interface between the harness and a quantization toolkit."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from ganqbench.errors import UserError, unknown_name

if TYPE_CHECKING:
    from torch import nn

    from ganqbench.cell import Cell
    from ganqbench.zoo.generator import Inputs

GROUP = "ganqbench.adapters"
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""Names of methods, which become parts of file names."""
Kind = Literal["baseline", "ptq", "reconstruction", "qat"]


@dataclass(frozen=True)
class Method:
    """A named configuration of an adapter, a few declarative lines.

    `options` are the adapter's own settings. `exempt` names the generator's modules that
    the method leaves at another width (see `exempt_modules`); they are shown with every number it earns.
    `trainable` methods return a module whose quantizers let gradients through, for a recipe to
    fine-tune; without one it is as calibrated. `requirement` is what the method needs beyond
    its adapter's distributions, in words.
    """

    title: str
    kind: Kind
    reference: str
    options: Mapping[str, Any] = field(default_factory=dict)
    trainable: bool = False
    requirement: str = ""
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skip:
    """Why a cell is not run, as a sentence that helps whoever reads the board."""

    reason: str


class BrokenAdapter(UserError):
    """An adapter that can't be used, whatever is asked of it; all others still can."""


class Adapter(ABC):
    """One quantization backend.

    An adapter reports nothing about itself: the audit measures what it did. Its module must
    not import the toolkit (or torch) at the top, so that listing methods costs nothing.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]]
    """Distributions that must be installed; their versions enter provenance and resume key."""
    methods: ClassVar[Mapping[str, Method]]

    def supports(self, cell: Cell) -> Skip | None:
        """Opt out of a cell with a reason; the default takes every cell."""
        return None

    @abstractmethod
    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Return the quantized generator, ready to run in eval mode.

        `generator` is a deep copy that may be changed in place. `calibration` may be iterated
        any number of times and yields the same batches each time. Randomness comes from
        `cell.seed` alone; global state stays untouched.
        """

    @property
    def missing(self) -> tuple[str, ...]:
        """Required distributions that are not installed."""
        return tuple(name for name in self.requires if installed_version(name) is None)

    def skip(self, cell: Cell) -> Skip | None:
        """The reason why this cell can't run here: a missing distribution, or what `declines` says."""
        if self.missing:
            names = " ".join(self.missing)
            return Skip(f"{self.name} needs {names}, which is not installed")
        return self.declines(cell)

    def declines(self, cell: Cell) -> Skip | None:
        """The answer of `supports`; BrokenAdapter where it raises or is no answer."""
        try:
            answer: object = self.supports(cell)
        except Exception as error:  # whatever a contributor's file raises
            raise _broken(self.name, f"its `supports` raised {type(error).__name__}: {error}") from error
        if not (answer is None or isinstance(answer, Skip)):
            raise _broken(self.name, f"its `supports` returned {answer!r} instead of None or a Skip")
        return answer


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def adapter_names() -> tuple[str, ...]:
    """Registered adapters, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def load_adapter(name: str) -> Adapter:
    """Import and instantiate one adapter by its registered name.

    Raises UserError for an unknown name, BrokenAdapter for one that two distributions claim, whose
    file can't be run, or that is not what an adapter has to be.
    """
    points = tuple(entry_points(group=GROUP, name=name))
    if not points:
        raise unknown_name("adapter", name, adapter_names())
    if len(points) > 1:
        raise BrokenAdapter(
            f"Two installed distributions register an adapter named {name!r}.",
            "Uninstall one of them or rename its entry point.",
        )
    (point,) = points
    try:
        adapter = point.load()()
    except (Exception, SystemExit) as error:  # whatever a contributor's file raises when it is run
        where = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise BrokenAdapter(
            f"Adapter {name!r} ({point.value}) can't be loaded: {type(error).__name__}{where}: {error}.",
            "Mend its file, import its toolkit inside functions only, or uninstall its distribution.",
        ) from error
    if not isinstance(adapter, Adapter) or getattr(adapter, "name", None) != name:
        raise BrokenAdapter(
            f"Entry point {name!r} ({point.value}) is not an Adapter of that name.",
            "Let it name a subclass of ganqbench.adapter.Adapter whose `name` is the entry point's.",
        )
    if fault := _fault(adapter):
        raise _broken(name, fault)
    return adapter


def exempt_modules(method: Method, generator: nn.Module) -> tuple[str, ...]:
    """What `method.exempt` names in this generator, by the modules' full names.

    A name that is not there is passed over, since a method names the layers of several architectures.
    `*` stands for one part of a name, and the whole for the last module with parameters that fits:
    `synthesis.*.torgb` is the image layer of the highest resolution.
    """
    known = [name for name, module in generator.named_modules() if any(True for _ in module.parameters())]
    found = []
    for name in method.exempt:
        pattern = re.compile(re.escape(name).replace(r"\*", r"[^.]+"))
        found.extend([each for each in known if pattern.fullmatch(each)][-1:])
    return tuple(found)


def _fault(adapter: Adapter) -> str | None:
    """What is wrong with the adapter's declarations, since they come from anybody's file."""
    requires: object = getattr(adapter, "requires", None)
    if not isinstance(requires, tuple) or not all(isinstance(one, str) for one in requires):
        return "its `requires` is not a tuple of distributions' names"
    methods: object = getattr(adapter, "methods", None)
    if not isinstance(methods, Mapping):
        return "its `methods` is not a mapping of names to Methods"
    for key, method in methods.items():
        if not isinstance(key, str) or not SLUG.fullmatch(key):
            return f"its method's name {key!r} is not made of lower-case letters, digits, - and _"
        if not isinstance(method, Method) or method.kind not in get_args(Kind):
            return f"its method {key!r} is not a Method of a known kind"
    return None


def _broken(name: str, fault: str) -> BrokenAdapter:
    return BrokenAdapter(
        f"Adapter {name!r} can't be used: {fault}.", "Mend its file, or uninstall its distribution."
    )
