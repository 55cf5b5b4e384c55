"""Where a run finds its generators: in the zoo, or in a checkpoint of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ganqbench.zoo.registry import entry

if TYPE_CHECKING:
    from ganqbench.zoo.generator import ZooEntry


@dataclass(frozen=True)
class Gans:
    """The zoo and, with `checkpoint`, one more generator of architecture `arch`.

    `suite` is the one whose methods run on the checkpoint.
    """

    checkpoint: Path | None = None
    arch: str | None = None
    suite: str | None = None

    @classmethod
    def of(cls, job: list[str | None] | None) -> Gans:
        """What :meth:`job` described."""
        if not job:
            return cls()
        path, arch = job
        return cls(Path(str(path)), arch)

    def job(self) -> list[str | None] | None:
        """For another process: the checkpoint's path and architecture."""
        return [str(self.checkpoint.resolve()), self.arch] if self.checkpoint else None

    @property
    def options(self) -> tuple[str, ...]:
        """The command line's options that lead to the checkpoint and its suite; none without one."""
        if self.checkpoint is None:
            return ()
        given = (("--suite", self.suite), ("--checkpoint", self.checkpoint.name), ("--arch", self.arch))
        return tuple(word for name, value in given if value for word in (name, value))

    @cached_property
    def own(self) -> ZooEntry | None:
        """The checkpoint's entry; raises UserError if the file is not a generator of `arch`."""
        if self.checkpoint is None:
            return None
        from ganqbench.zoo.custom import CheckpointEntry

        return CheckpointEntry(self.checkpoint, self.arch)

    def entry(self, name: str) -> ZooEntry:
        """The entry of that name; raises UserError with the closest names if there is none."""
        return self.own if self.own is not None and self.own.name == name else entry(name)


ZOO = Gans()
