"""The one network that training may look through: the *teacher*."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open

from ganqbench.zoo.classifier import Classifier, build_classifier, load_trained

TEACHER = Path(__file__).parent.parent / "weights" / "teacher.safetensors"


def load_teacher(path: Path = TEACHER) -> Classifier:
    """The frozen teacher; refuses the weights of any other network, the judge's above all."""
    with safe_open(path, framework="pt") as file:
        network = json.loads((file.metadata() or {}).get("network", "null"))
        if network != "teacher":
            raise ValueError(f"{path} holds {network!r}, and only the teacher may steer a training")
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    teacher = build_classifier("teacher")
    try:
        load_trained(teacher, state)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return teacher.eval().requires_grad_(False)
