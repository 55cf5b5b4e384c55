"""The states of official files that lie beside the tests."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open

FIXTURES = Path(__file__).parent / "fixtures"


def official(name):
    """(state, kwargs, arch) of a fixture."""
    with safe_open(FIXTURES / f"{name}.safetensors", "pt") as file:
        state = {
            key.removeprefix("state."): file.get_tensor(key)
            for key in file.keys()  # noqa: SIM118
            if key.startswith("state.")
        }
        return state, json.loads(file.metadata()["kwargs"]), file.metadata()["arch"]
