"""The small trained generators: checked, quiet, and what they say they are."""

from __future__ import annotations

import hashlib
import json
import warnings
from importlib.resources import files

import pytest
import torch
from safetensors.torch import save_file

from ganqbench.errors import UserError
from ganqbench.zoo.cyclegan_emoji import CycleGANEmoji
from ganqbench.zoo.registry import ENTRIES, entry, load, names
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.sagan_cifar10 import SaganCifar10
from ganqbench.zoo.trained_entry import TrainedEntry

TRAINED = [name for name in names() if isinstance(entry(name), TrainedEntry)]


@pytest.mark.parametrize("name", TRAINED)
def test_trained_generators_load_quietly(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator = load(name, offline=True)
    assert not generator.training
    found = entry(name)
    assert (found.name, len(found.weights_sha256)) == (name, 64)
    with torch.inference_mode():
        images = generator(*found.inputs("final").batch(range(8)))
    assert images.shape == (8, 3, found.resolution, found.resolution)
    assert images.isfinite().all()
    assert images.std() > 0.2


@pytest.mark.parametrize("name", TRAINED)
def test_trained_generators_sample_what_their_entry_draws(name):
    found, generator = entry(name), load(name)
    if found.arch != "cyclegan-resnet":
        for ours, drawn in zip(
            generator.sample_inputs(2, 0), found.inputs("final").batch([0, 1]), strict=True
        ):
            assert (ours.shape, ours.dtype) == (drawn.shape, drawn.dtype)
    with pytest.raises(UserError, match="pixels"):
        found.inputs("final", 48)


def test_weights_are_registered_only_if_they_ship():
    shipped = {path.name for path in files("ganqbench.weights").iterdir()}
    assert {f"{name}.safetensors" for name in TRAINED} <= shipped


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """A folder in place of the package's, with a random SAGAN in it; gives the file and its hash."""
    arguments = {"widths": [8, 8], "z_dim": 4, "classes": 3, "attention": []}
    torch.manual_seed(0)
    path = tmp_path / "sagan-cifar10.safetensors"
    save_file(SAGAN(**arguments).state_dict(), path, {"arguments": json.dumps(arguments)})
    monkeypatch.setattr("ganqbench.zoo.trained_entry.files", lambda _: tmp_path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_architecture_and_weights_come_out_of_the_file(weights):
    _, sha256 = weights
    generator = SaganCifar10("sagan-cifar10", "t", 8, None, sha256).load()
    assert generator(*generator.sample_inputs(2, 0)).shape == (2, 3, 8, 8)


def test_other_weights_are_refused(weights):
    path, sha256 = weights
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=f"expected {sha256}"):
        SaganCifar10("sagan-cifar10", "t", 8, None, sha256).load()


def test_directions_of_the_emoji_take_their_own_inputs():
    drawings = CycleGANEmoji("a", "t", None, "", "drawing", ranked=True).inputs("final").batch([0])[0]
    pictures = CycleGANEmoji("b", "t", None, "", "picture", ranked=False).inputs("final").batch([0])[0]
    assert drawings.shape == pictures.shape
    assert not torch.equal(drawings, pictures)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_answers_to_its_name(name):
    assert entry(name).name == name
