"""What the networks' distances see, as measured on the whole data set when they were published."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from ganqbench.train.data import Cifar10
from ganqbench.train.sensitivity import add_noise, blur, fade, sensitivity
from ganqbench.zoo.classifier import build_classifier

WEIGHTS = Path(str(files("ganqbench") / "weights"))


def _metadata(name: str) -> dict[str, object]:
    with safe_open(WEIGHTS / f"{name}.safetensors", framework="pt") as file:
        return {key: json.loads(value) for key, value in file.metadata().items()}


def test_metric_network_is_accurate() -> None:
    accuracy = _metadata("metric")["test_accuracy_flip_averaged"]
    assert isinstance(accuracy, float)
    assert accuracy >= 0.91


@pytest.mark.parametrize("name", ["metric", "third"])
def test_judges_see_as_an_eye_does(name: str) -> None:
    seen = _metadata(name)["sensitivity"]
    assert isinstance(seen, dict)
    assert seen["noise_2"] <= 1.15
    for change in ("blur_0.8", "contrast_0.8", "few_images", "missing_classes"):
        assert seen[change] >= 1.5, change


def test_changes_do_what_they_say() -> None:
    rng = torch.Generator().manual_seed(4)
    images = torch.rand(50, 3, 32, 32, generator=rng) - 0.5
    levels = images.mul(127.5).round() / 127.5
    noisy = (add_noise(images, 2, rng) - images) * 127.5
    assert noisy.std().item() == pytest.approx(2, rel=0.03)
    assert fade(levels, 0.5).std().item() == pytest.approx(0.5 * levels.std().item(), rel=0.02)
    assert blur(images, 0.8).std() < 0.6 * images.std()


def test_unchanged_images_have_ratio_one(tiny: Cifar10, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    monkeypatch.setattr("ganqbench.train.sensitivity.add_noise", lambda images, *_: images)
    measured = sensitivity(build_classifier("metric"), tiny)
    assert measured["test_vs_train"] > 0
    assert measured["noise_2"] == pytest.approx(1, rel=1e-6)
    assert measured["missing_classes"] != pytest.approx(1, rel=1e-3)
