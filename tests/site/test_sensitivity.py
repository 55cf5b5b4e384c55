"""Layers one by one: measured as said, and shown only beside the generator that they belong to."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import site_factory as factory
import torch
from site_reader import Reader, dead_links, read_site
from torch import nn

from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
from ganqbench.cell import Bits
from ganqbench.errors import UserError
from ganqbench.records.canonical import sha256
from ganqbench.site import build
from ganqbench.site.sensitivity import read_sensitivity

LAYERS = [
    {"site": "model.0", "psnr": 38.0, "low": 37.5, "high": 38.5},
    {"site": "model.1", "psnr": 31.25, "low": 30.0, "high": 32.5},
    {"site": "<b>elsewhere</b>", "psnr": 44.0, "low": None, "high": None},
]


def measured(**more: Any) -> list[dict[str, Any]]:
    head = {"suite": "mini", "suite_version": 1, "gan": factory.GAN, "bits": "W4A8", "items": 8}
    return [{**head, "weights": sha256(b"invented"), "layers": LAYERS, **more}]


def board_of(small: tuple[Path, Path], tmp_path: Path, found: object) -> Reader:
    (tmp_path / "layers.json").write_text(json.dumps(found))
    build(small[0], tmp_path / "site", layers=tmp_path / "layers.json")
    pages = read_site(tmp_path / "site")
    assert [fault for page in pages.values() for fault in page.faults] == []
    assert dead_links(tmp_path / "site", pages) == []
    return pages[Path("mini-v1", factory.GAN, "index.html")]


def test_the_most_sensitive_layer_stands_first(small: tuple[Path, Path], tmp_path: Path) -> None:
    text = board_of(small, tmp_path, measured()).text.replace("\u00a0", " ")
    assert "Which layers suffer each layer alone at W4A8" in text
    assert "3 layers, from 31.2 to 44.0 dB" in text
    places = [text.index(words) for words in ("31.25 ±1.25", "38.00 ±0.50", "<b>elsewhere</b> — 44.00")]
    assert places == sorted(places)
    assert "model.0 33.3 %" in text


@pytest.mark.parametrize(
    "other",
    [{"weights": sha256(b"other weights")}, {"suite_version": 2}, {"gan": "sagan-cifar10"}, {"layers": []}],
)
def test_layers_of_another_generator_are_not_shown(
    small: tuple[Path, Path], tmp_path: Path, other: dict[str, Any]
) -> None:
    assert "Which layers suffer" not in board_of(small, tmp_path, measured(**other)).text


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '[{"suite": 1}]',
        json.dumps(measured(layers=[{"site": "a", "psnr": 1.0, "low": 2.0, "high": 3.0}])),
        json.dumps(measured(layers=[{"site": "a", "psnr": float("nan"), "low": None, "high": None}])),
    ],
)
def test_a_broken_file_is_said_plainly(tmp_path: Path, text: str) -> None:
    (tmp_path / "layers.json").write_text(text)
    with pytest.raises(UserError, match="no sensitivities"):
        read_sensitivity(tmp_path / "layers.json")
    assert read_sensitivity(tmp_path / "absent.json") == ()


def test_a_file_may_say_where_its_figures_come_from(tmp_path: Path) -> None:
    bare, whole = tmp_path / "bare.json", tmp_path / "whole.json"
    bare.write_text(json.dumps(measured()))
    whole.write_text(json.dumps({"command": "python", "hardware": {"cores": 2}, "gans": measured()}))
    assert read_sensitivity(whole) == read_sensitivity(bare) != ()


def test_one_layer_is_quantized_and_no_other(script: Callable[[str], ModuleType]) -> None:
    alone = script("sensitivity").alone
    torch.manual_seed(0)
    exact = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3)).eval()
    images = torch.randn(2, 3, 8, 8)
    quantized = copy.deepcopy(exact)
    insert_quantizers(quantized, [(images,)], Bits(4, 8), Scheme())
    with torch.inference_mode():
        assert torch.equal(alone(quantized, "none")(images), exact(images))
        whole = quantized(images)
        outputs = [alone(quantized, name)(images) for name in ("0", "2")]
        assert not any(torch.equal(output, other) for output in outputs for other in (whole, exact(images)))
        # Alone, the last layer sees the full-precision output of the first.
        first = alone(quantized, "0")
        assert torch.equal(first[2](torch.relu(first[0](images))), exact[2](torch.relu(first[0](images))))
        assert torch.equal(quantized(images), whole)  # the original is left as it was
