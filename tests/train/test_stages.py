"""The page of trainings tells the stages that the metadata of the weights tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ganqbench.zoo.files import safetensors_metadata

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
BEGIN, END = (
    "<!-- Made of the metadata of the weights, as a test has it. -->",
    "<!-- Here the stages end. -->",
)
NETWORKS = (
    "sagan-cifar10",
    "stylegan2-cifar10",
    "cyclegan-edges2emoji",
    "teacher",
    "tutor",
    "metric",
    "third",
)


def stages(network: str) -> list[Mapping[str, Any]]:
    """What is told of each run, the first one first: a later one started from what the one before left."""
    content = files("ganqbench.weights").joinpath(f"{network}.safetensors").read_bytes()
    made: Any = {key: json.loads(value) for key, value in safetensors_metadata(content).items()}
    found = []
    while made:
        found.append(made)
        made = made.get("started_from")
    return found[::-1]


def run(made: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Command, rate, planned length, and where the weights that went on were taken, of a stage."""
    config = made["config"]
    if "epochs" in config:
        return "classifier", f"{config['learning_rate']:g}", f"{config['epochs']} epochs", "at the end"
    if "pairs" in config:
        rate, planned, kept = config["learning_rate"], config["pairs"], made["pairs"]
        return "cyclegan", f"{rate:g}", f"{planned:,} pairs", f"{kept:,}"
    if "steps" in config:
        rate, planned, kept = config["learning_rate"], config["steps"], made["images"] // config["batch"]
        return "match", f"{rate:g}", f"{planned:,} steps", f"{kept:,}"
    rates = f"{config['learning_rate_g']:g}, {config['learning_rate_d']:g}"
    return "gan", rates, f"{config['images']:,} images", f"{made['images']:,}"


def table() -> list[str]:
    """Lines of the page's table."""
    lines = [
        "| network | stage | command | seed | batch | rate | planned | kept | CPU-hours |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for network in NETWORKS:
        for number, made in enumerate(stages(network), 1):
            command, rate, planned, kept = run(made)
            command += " --init" if number > 1 else ""
            command += " --replan" if made.get("earlier_configs") else ""
            config = made["config"]
            cells = (network, number, f"`{command}`", config["seed"], config["batch"], rate, planned, kept)
            lines.append(f"| {' | '.join(map(str, cells))} | {made['cpu_hours']:g} |")
    return lines


def test_the_table_is_that_of_the_metadata() -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    shown, _, _ = rest.partition(END)
    assert shown.strip().splitlines() == table()


def test_both_directions_are_of_the_same_runs() -> None:
    one, other = (
        [made["config"] for made in stages(f"cyclegan-{name}")] for name in ("edges2emoji", "emoji2edges")
    )
    assert one == other


@pytest.mark.parametrize("network", NETWORKS)
def test_no_file_hides_an_earlier_stage(network: str) -> None:
    """What a stage started from is told with its hash, the first stage with none."""
    told = stages(network)
    assert all(made["sha256"] for made in told[:-1])
    assert run(told[0])[0] != "match"  # which always starts from weights
