"""Checkpoints of a training run: written whole or not at all, read without executing anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save as safetensors_save

from ganqbench.whole_file import whole_file

State = dict[str, Any]


def save_state(path: Path, state: State) -> None:
    """Writes ``state`` (tensors, numbers, strings, nested dicts and lists) to ``path`` atomically."""
    with whole_file(path) as file:
        torch.save(state, file)


def load_state(path: Path) -> State:
    """Reads what :func:`save_state` wrote; refuses anything but plain data."""
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return state


def export_weights(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, object]) -> None:
    """Writes a network as safetensors, with every metadata value as a JSON string."""
    text = {key: json.dumps(value, sort_keys=True) for key, value in sorted(metadata.items())}
    content = safetensors_save({k: v.detach().contiguous() for k, v in tensors.items()}, text)
    with whole_file(path) as file:
        file.write(content)


def describe_weights(path: Path) -> dict[str, object]:
    """Hash of a file of :func:`export_weights`, its run's length and settings, and what it began with."""
    with safe_open(path, framework="pt") as file:
        metadata = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
    kept = {
        key: metadata[key]
        for key in ("images", "pairs", "cpu_hours", "config", "started_from")
        if key in metadata
    }
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **kept}


def fingerprint(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of names and values, whatever file they came in."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def append_log(path: Path, row: Mapping[str, object]) -> None:
    """Adds one JSON line to a run's log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")
