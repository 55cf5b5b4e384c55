"""Our generators against what the official implementations computed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from ganqbench.zoo.official import from_official

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.safetensors"))
TOLERANCE = 1e-4  # of the expected output's standard deviation


def parts(tensors, prefix):
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


@pytest.fixture(params=FIXTURES, ids=lambda path: path.stem)
def fixture(request):
    with safe_open(request.param, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return file.metadata(), tensors


def images(generator, inputs, **options):
    # CycleGAN takes an image, the others a latent and, as a class, `c` or `label`.
    order = [inputs[name] for name in ("image", "z", "c", "label") if name in inputs]
    with torch.inference_mode():
        return generator(*order, **options)


@pytest.mark.parametrize("arguments", ["given", "left out"])
def test_outputs_match_the_official_ones(fixture, arguments):
    metadata, tensors = fixture
    kwargs = json.loads(metadata["kwargs"]) if arguments == "given" else {}
    generator = from_official(metadata["arch"], parts(tensors, "state."), **kwargs)
    assert not generator.training
    inputs, expected = parts(tensors, "input."), parts(tensors, "expected.")
    options = {"truncation_psi": float(metadata["truncation_psi"])} if "truncation_psi" in metadata else {}
    found = {"image": images(generator, inputs, **options)}
    if "ws" in expected:
        found["ws"] = images(generator.mapping, inputs, **options)
        found["image_noise_none"] = images(generator, inputs, noise_mode="none", **options)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        error = (found[name] - value).abs().max() / value.std()
        assert error < TOLERANCE, f"{name} is off by {error:.2e} standard deviations"


def test_all_four_fixtures_are_there():
    assert len(FIXTURES) == 4
