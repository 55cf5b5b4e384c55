"""What the zoo's entries of small trained generators have in common.

To ship new weights: put the file into `bench/weights/`, its SHA-256 into the entry, and, the first
time, the entry into `ganqbench.zoo.registry.ENTRIES`. The file's metadata hold, as JSON, the
`arguments` of the generator's constructor.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from safetensors.torch import load as load_safetensors

from ganqbench.errors import UserError
from ganqbench.zoo.files import checked, safetensors_metadata
from ganqbench.zoo.generator import Generator, ZooEntry


class TrainedEntry(ZooEntry):
    """An entry whose weights are `<name>.safetensors` in this package, `arguments` in their metadata."""

    licence = "Apache-2.0"

    def __init__(
        self, name: str, title: str, resolution: int, domain: str | None, sha256: str, *, ranked: bool = True
    ) -> None:
        self.name = name
        self.domain = domain
        self.title = title
        self.resolution = resolution
        self.ranked = ranked
        self._sha256 = sha256

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights' file."""
        return self._sha256

    def load(self) -> Generator:
        """The trained generator; UserError if the file is not the one that this version ships."""
        file = f"{self.name}.safetensors"
        content = checked(files("ganqbench.weights").joinpath(file).read_bytes(), self._sha256, file)
        generator = self._build(json.loads(safetensors_metadata(content)["arguments"]))
        counters = {
            key: value for key, value in generator.state_dict().items() if key.endswith("num_batches_tracked")
        }  # of no use after training, so a file may lack them
        generator.load_state_dict(counters | load_safetensors(content))
        return generator.eval()

    def _only_resolution(self, resolution: int | None) -> None:
        """Raises UserError for a size other than the model's own."""
        if resolution not in (None, self.resolution):
            raise UserError(
                f"{self.name} works at {self.resolution} pixels, not {resolution}.",
                f"Set the resolution to {self.resolution}.",
            )

    @abstractmethod
    def _build(self, arguments: Mapping[str, Any]) -> Generator:
        """An untrained generator of the architecture that these arguments describe."""
