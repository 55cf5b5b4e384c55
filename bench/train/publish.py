"""Finished classifiers as weight files that say how they were made and what they measure."""

from __future__ import annotations

from pathlib import Path

from ganqbench.train.checkpoint import describe_weights, export_weights, load_state
from ganqbench.train.classifier import accuracy
from ganqbench.train.data import Cifar10
from ganqbench.train.sensitivity import sensitivity
from ganqbench.zoo.classifier import STEERING, build_classifier


def publish_classifier(name: str, data: Cifar10, out: Path, path: Path, init: Path | None = None) -> None:
    """Measures the network of ``out/checkpoint.pt`` and writes its weights to ``path``.

    `init` is the file of weights that the run started from.
    """
    state = load_state(out / "checkpoint.pt")
    network = build_classifier(name).eval()
    network.load_state_dict(state["network"])
    metadata: dict[str, object] = {
        "network": name,
        "config": state["config"],
        "earlier_configs": state["history"],
        "started_from": None if init is None else describe_weights(init),
        "data_source": data.test.source,
        "data_fingerprint": data.fingerprint,
        "steps": state["step"],
        "cpu_hours": round(state["cpu_seconds"] / 3600, 3),
        "feature_dim": network.feature_dim,
        "test_accuracy": accuracy(network, data.test),
        "test_accuracy_flip_averaged": accuracy(network, data.test, flip=True),
    }
    if name not in STEERING:
        metadata["sensitivity"] = sensitivity(network, data)
    weights = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    export_weights(path, weights, metadata)
