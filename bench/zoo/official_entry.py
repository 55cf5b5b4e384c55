"""What the zoo's entries of official checkpoints have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ganqbench.errors import UserError
from ganqbench.zoo.checkpoint import read_official
from ganqbench.zoo.convert import State
from ganqbench.zoo.download import Download
from ganqbench.zoo.generator import Generator, ZooEntry


class OfficialEntry(ZooEntry):
    """An entry whose weights are downloaded from their publisher and converted."""

    def __init__(
        self, name: str, title: str, resolution: int, download: Download, domain: str | None = None
    ) -> None:
        self.name = name
        self.domain = domain
        self.title = title
        self.resolution = resolution
        self.download = download

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the official file; empty before the first download of an unpinned one."""
        return self.download.known_sha256 or ""

    def prepare(self, *, offline: bool = False) -> None:
        """Downloads the official file, unless it is here."""
        self.download.fetch(offline=offline)

    def load(self) -> Generator:
        """The official generator; downloads its file if need be."""
        checkpoint = read_official(self.download.fetch())
        if checkpoint.arch != self.arch:
            raise UserError(
                f"{self.download.path} holds a {checkpoint.arch} and not a {self.arch}.",
                "Delete it; the next run downloads it again.",
            )
        return self._build(checkpoint.state_dict, checkpoint.kwargs)

    @abstractmethod
    def _build(self, state: State, kwargs: Mapping[str, Any]) -> Generator:
        """The generator of the official state."""
