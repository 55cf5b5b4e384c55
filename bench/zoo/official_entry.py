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
        if self.weights_sha256:
            self.download.fetch(offline=offline)
        else:
            self._read(offline=offline)

    def load(self) -> Generator:
        """The official generator; downloads its file if need be."""
        return self._read()

    def _read(self, *, offline: bool = False) -> Generator:
        """A file that nobody has vouched for is kept only if it is a generator of this architecture."""
        unknown, brought = not self.weights_sha256, self.download.path.exists()
        path = self.download.fetch(offline=offline)
        try:
            checkpoint = read_official(path)
            if checkpoint.arch != self.arch:
                where = path if brought else self.download.source
                raise UserError(
                    f"{where} holds a {checkpoint.arch} and not a {self.arch}.",
                    "Put the right file there." if brought else "Check the address or the mirror.",
                )
            return self._build(checkpoint.state_dict, checkpoint.kwargs)
        except UserError:
            if unknown:
                self.download.forget(file=not brought)  # what the user put there is the user's
            raise

    @abstractmethod
    def _build(self, state: State, kwargs: Mapping[str, Any]) -> Generator:
        """The generator of the official state."""
