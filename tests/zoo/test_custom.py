"""A user's own file as an entry."""

from __future__ import annotations

import json

import pytest
import torch
from official import checkpoint
from safetensors.torch import save_file

from ganqbench.errors import UserError
from ganqbench.zoo.checkpoint import read_official
from ganqbench.zoo.custom import CheckpointEntry
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.from_stylegan2 import _sources
from ganqbench.zoo.official import from_official
from ganqbench.zoo.stylegan2 import StyleGAN2


@pytest.mark.parametrize(
    "name", ["stylegan2_ada_32", "stylegan2_ada_32_cond", "sagan_studiogan_32", "cyclegan_resnet6_32"]
)
def test_a_file_generates_from_its_own_inputs(tmp_path, name):
    entry = CheckpointEntry(checkpoint(tmp_path, name))
    resolution = 32
    source = entry.inputs("final", resolution)
    with torch.inference_mode():
        images = entry.load()(*source.batch([0, 1]))
    assert images.shape == (2, 3, resolution, resolution)
    assert entry.name.startswith(entry.arch)
    assert entry.name.endswith(entry.weights_sha256[:12])


def test_arguments_add_to_those_in_the_file(tmp_path):
    path = checkpoint(tmp_path, "stylegan2_ada_32")
    with pytest.raises(UserError, match="z_dim"):
        CheckpointEntry(path, "stylegan2-ada", {"z_dim": 3})


def beside(kwargs, **more):
    """Arguments of stylegan2-ada-pytorch as the stylegan3 repository has them, without the clamp."""
    flat = {**kwargs, **kwargs["synthesis_kwargs"], "fused_modconv_default": "inference_only"}
    return {key: flat[key] for key in flat if key not in ("synthesis_kwargs", "conv_clamp")} | more


def test_a_stylegan2_of_the_stylegan3_repository_is_the_same_generator(write_pkl, tmp_path):
    path = checkpoint(tmp_path, "stylegan2_ada_32_cond")  # clamped at 256, which is that one's default
    official = read_official(path)
    other = write_pkl(tmp_path / "a.pkl", official.state_dict, beside(official.kwargs))
    ada, flat = CheckpointEntry(path), CheckpointEntry(other)
    inputs = flat.inputs("final").batch([0, 1])
    with torch.inference_mode():
        assert torch.equal(flat.load()(*inputs), ada.load()(*inputs))


@pytest.mark.parametrize(
    ("form", "given", "clamp"),
    [
        (lambda kwargs: {}, {}, None),
        (beside, {}, 256),
        (beside, {"conv_clamp": None}, None),
        (beside, {"conv_clamp": 8}, 8),
    ],
)
def test_what_is_clamped_depends_on_the_repository(tmp_path, form, given, clamp):
    official = read_official(checkpoint(tmp_path, "stylegan2_ada_32"))
    generator = from_official("stylegan2-ada", official.state_dict, **form(official.kwargs), **given)
    assert generator.synthesis.b8.conv1.clamp == clamp
    assert generator.synthesis.b8.torgb.clamp == clamp


def test_arguments_of_both_repositories_at_once_are_refused(tmp_path):
    path = checkpoint(tmp_path, "stylegan2_ada_32")  # whose own arguments stand inside synthesis_kwargs
    with pytest.raises(UserError, match="beside it: conv_clamp, num_fp16_res"):
        CheckpointEntry(path, kwargs={"num_fp16_res": 4, "conv_clamp": 256})


def test_widths_of_the_mapping_are_checked(tmp_path):
    path = checkpoint(tmp_path, "stylegan2_ada_32_cond")
    CheckpointEntry(path, kwargs={"mapping_kwargs": {"embed_features": 16, "layer_features": None}})
    for name in ("embed_features", "layer_features"):
        with pytest.raises(UserError, match=f"Argument {name}=5 contradicts the state"):
            CheckpointEntry(path, kwargs={"mapping_kwargs": {name: 5}})


def test_another_architecture_is_refused(tmp_path):
    path = checkpoint(tmp_path, "stylegan2_ada_32")
    with pytest.raises(UserError, match="and not a studiogan-sagan"):
        CheckpointEntry(path, "studiogan-sagan")
    with pytest.raises(UserError, match="no architecture named 'stylegan'"):
        CheckpointEntry(path, "stylegan")


def test_other_sizes_are_refused(tmp_path):
    entry = CheckpointEntry(checkpoint(tmp_path, "sagan_studiogan_32"))
    with pytest.raises(UserError, match="Set the resolution to 32"):
        entry.inputs("final", 64)


def test_metadata_that_is_no_object_is_refused(tmp_path):
    save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors", {"kwargs": json.dumps([1])})
    with pytest.raises(UserError, match="no JSON object"):
        CheckpointEntry(tmp_path / "a.safetensors")


def stylegan2(folder, resolution, image_channels):
    """A file of the tiniest StyleGAN2 of that size, with the official key names."""
    channels = [4] * (resolution.bit_length() - 2)
    generator = StyleGAN2(channels, 4, 4, mapping_layers=1, image_channels=image_channels)
    state = {source.key: value for source, value in official_state(generator)}
    save_file(state, folder / "a.safetensors")
    return folder / "a.safetensors"


def official_state(generator):
    sources = _sources(generator)
    for name, value in generator.state_dict().items():
        source = sources[name]
        yield source, value.transpose(0, 1).contiguous() if source.transpose else value.contiguous()


@pytest.mark.parametrize(
    ("resolution", "channels", "match"),
    [(4, 3, "of 4 pixels"), (8, 3, "of 8 pixels"), (16, 1, "of 1 channels")],
)
def test_stylegan2s_that_can_not_be_measured(tmp_path, resolution, channels, match):
    with pytest.raises(UserError, match=match):
        CheckpointEntry(stylegan2(tmp_path, resolution, channels))


def test_the_smallest_stylegan2_is_an_entry(tmp_path):
    assert CheckpointEntry(stylegan2(tmp_path, 16, 3)).resolution == 16


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (1, 3), (3, 1)])
def test_cyclegans_of_other_channels_can_not_be_measured(tmp_path, inputs, outputs):
    path = tmp_path / "a.safetensors"
    save_file(ResnetGenerator(inputs, outputs, ngf=4, n_blocks=1).state_dict(), path)
    with pytest.raises(UserError, match="channels"):
        CheckpointEntry(path)
