"""Model cards: figures of the weights that ship, recomputed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from ganqbench.errors import UserError
from ganqbench.harness.judge import Judge
from ganqbench.harness.measure import render
from ganqbench.harness.model_card import _labels, _protocol, _stages, card
from ganqbench.metrics.extractors import EmbeddedExtractor
from ganqbench.zoo.generator import Batches
from ganqbench.zoo.registry import entry

PAGES = Path(__file__).parents[2] / "docs" / "models"


def test_the_committed_card_is_of_the_weights_that_ship(tmp_path: Path) -> None:
    made = card(entry("cyclegan-edges2emoji"), None, tmp_path)
    page = made.write(tmp_path).read_text(encoding="utf-8")
    committed = (PAGES / "cyclegan-edges2emoji.md").read_text(encoding="utf-8")
    key = "ratio of the two"
    assert f"| {key} | {made.figures[key]:.4g} |" in page
    (stated,) = re.findall(rf"\| {key} \| ([0-9.]+) \|", committed)
    assert float(stated) == pytest.approx(made.figures[key], rel=1e-3)
    assert 0 < made.figures[key] < 1
    assert (tmp_path / "cyclegan-edges2emoji.png").is_file()


@pytest.mark.parametrize(
    "name", ["sagan-cifar10", "stylegan2-cifar10", "cyclegan-edges2emoji", "cyclegan-emoji2edges"]
)
def test_every_small_model_has_a_card_of_its_present_weights(name: str) -> None:
    assert entry(name).weights_sha256 in (PAGES / f"{name}.md").read_text(encoding="utf-8")


def stated(name: str, key: str) -> float:
    """A figure of a committed card."""
    (found,) = re.findall(rf"\| {key} \| ([0-9.]+) \|", (PAGES / f"{name}.md").read_text(encoding="utf-8"))
    return float(found)


@pytest.mark.parametrize("name", ["sagan-cifar10", "stylegan2-cifar10"])
def test_samples_are_of_the_class_that_was_asked_for(name: str) -> None:
    found = entry(name)
    judge = Judge.of(found, _protocol(found))
    assert judge is not None
    assert isinstance(judge.extractor, EmbeddedExtractor)
    items = Batches(found.inputs("train"), 1000, 50)
    images = torch.cat([part for _, part in render(found.load(), items)])
    seen = judge.extractor.logits(judge.extractor.features(images)).argmax(axis=1)
    agreement = float((seen == _labels(items).numpy()).mean())
    assert agreement == pytest.approx(
        stated(name, "samples that the network puts into the wanted class"), abs=0.04
    )
    assert agreement >= 0.75
    assert stated(name, "within-class variance over that of test images") >= 0.8


def test_only_models_that_were_trained_here_have_one_and_some_need_their_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a model that was trained here"):
        card(entry("cyclegan-vintagify"), None, tmp_path)
    with pytest.raises(UserError, match="--data"):
        card(entry("sagan-cifar10"), None, tmp_path)
    with pytest.raises(UserError, match=r"holds no train.* --data"):
        card(entry("sagan-cifar10"), tmp_path, tmp_path)


def test_a_refined_model_tells_all_its_trainings() -> None:
    first = {"images": 100, "cpu_hours": 0.5}
    last = {
        "images": 30,
        "cpu_hours": 0.1,
        "started_from": {"images": 20, "cpu_hours": 0.2, "started_from": first},
    }
    assert _stages(last) == [
        "0.5 CPU-hours, 100 images",
        "0.2 CPU-hours, 20 images",
        "0.1 CPU-hours, 30 images",
    ]
