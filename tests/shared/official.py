"""The states of official files, as the fixtures beside the zoo's tests hold them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

FIXTURES = Path(__file__).parents[1] / "zoo" / "fixtures"


def official(name: str) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """(state, kwargs, arch) of a fixture."""
    with safe_open(FIXTURES / f"{name}.safetensors", "pt") as file:
        state = {
            key.removeprefix("state."): file.get_tensor(key)
            for key in file.keys()  # noqa: SIM118 (not a mapping)
            if key.startswith("state.")
        }
        return state, json.loads(file.metadata()["kwargs"]), file.metadata()["arch"]


def official_file(path: Path, name: str) -> Path:
    """Write a fixture's state to `path`, as a user's own file has it: nothing else but how it was built."""
    state, kwargs, arch = official(name)
    save_file(state, path, {"arch": arch, "kwargs": json.dumps(kwargs)})
    return path


def checkpoint(folder: Path, name: str) -> Path:
    """Such a file in `folder`, under the fixture's name."""
    return official_file(folder / f"{name}.safetensors", name)
