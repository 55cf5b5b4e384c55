"""The networks that training may look through: the *teacher*, and the *tutor* of the last phase."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open

from ganqbench.zoo.classifier import STEERING, Classifier, build_classifier, load_trained

WEIGHTS = Path(__file__).parent.parent / "weights"
TEACHER = WEIGHTS / "teacher.safetensors"


def load_teacher(path: Path = TEACHER) -> Classifier:
    """The frozen teacher; refuses the weights of any other network, the judge's above all."""
    return _frozen(path, ("teacher",))


def load_eyes(folder: Path = WEIGHTS) -> dict[str, Classifier]:
    """Teacher and tutor, frozen."""
    return {name: _frozen(folder / f"{name}.safetensors", STEERING) for name in STEERING}


def _frozen(path: Path, allowed: tuple[str, ...]) -> Classifier:
    with safe_open(path, framework="pt") as file:
        network = json.loads((file.metadata() or {}).get("network", "null"))
        if network not in allowed:
            wanted = " and ".join(allowed)
            raise ValueError(f"{path} holds {network!r}, and only the {wanted} may steer a training")
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    classifier = build_classifier(network)
    try:
        load_trained(classifier, state)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return classifier.eval().requires_grad_(False)
