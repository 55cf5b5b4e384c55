"""Where the files lie that images are judged by: a feature network's weights, and a reference."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

from ganqbench.home import home
from ganqbench.metrics.extractor_registry import ALEXNET
from ganqbench.protocol import Protocol
from ganqbench.zoo.generator import ZooEntry

INCEPTION_FOLDER = "inception"
LPIPS_FOLDER = "lpips"
"""Where AlexNet's file lies for those who want LPIPS."""


def judge_files(entry: ZooEntry, protocol: Protocol) -> dict[str, Path]:
    """What a cell's distances are computed with; empty where the suite asks for none.

    The two embedded networks and their references ship with the package. For Inception both lie in the
    cache folder: the weights in `inception/`, the reference as `references/<domain>-inception`. Pairs of
    images are then compared by LPIPS where AlexNet lies in `lpips/`, else by the embedded network.
    """
    if protocol.extractor is None or entry.domain is None:
        return {}
    shipped = Path(str(files("ganqbench.weights")))
    if protocol.extractor == "embedded":
        return {
            "network": shipped / "metric.safetensors",
            "reference": shipped / f"reference-{entry.domain}.safetensors",
        }
    if protocol.extractor == "third":
        return {
            "network": shipped / "third.safetensors",
            "reference": shipped / f"reference-{entry.domain}-third.safetensors",
        }
    alexnet = home() / LPIPS_FOLDER / ALEXNET
    return {
        "network": home() / INCEPTION_FOLDER / "inception-2015-12-05.pt",
        "reference": home() / "references" / f"{entry.domain}-inception.safetensors",
        "pairs": alexnet if alexnet.is_file() else shipped / "metric.safetensors",
    }


def judge_hashes(entry: ZooEntry, protocol: Protocol) -> dict[str, str]:
    """SHA-256 of these files, so that a number can't outlive what it was computed with.

    A file that is not there has the hash of nothing.
    """
    found = {}
    for role, path in judge_files(entry, protocol).items():
        content = path.read_bytes() if path.is_file() else b""
        found[role] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return found
