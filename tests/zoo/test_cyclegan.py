"""CycleGAN's generator, its full-size weights and its photographs."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
import torch

from ganqbench.errors import UserError
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import SPLITS, Batches
from ganqbench.zoo.photographs import PHOTOGRAPHS, Photographs
from ganqbench.zoo.vintagify import ENTRY


@pytest.mark.parametrize("padding", ["reflect", "replicate", "zero"])
def test_output_has_the_input_s_size_and_range(padding):
    generator = ResnetGenerator(ngf=4, n_blocks=2, padding=padding)
    images = generator(torch.zeros(2, 3, 8, 12))
    assert images.shape == (2, 3, 8, 12)
    assert images.abs().max() <= 1


def test_full_size_weights_load_without_the_package_s_code_or_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator = ENTRY.load()
    assert not any(module.split(".")[0] == "vintagify" for module in sys.modules)
    assert sum(p.numel() for p in generator.parameters()) == 11_388_675
    assert not generator.training
    with torch.inference_mode():
        images = generator(*ENTRY.inputs("final", 64).batch([0, 1]))
    assert images.std() > 0.1


def test_altered_weights_are_refused(monkeypatch, tmp_path):
    fake = tmp_path / "vintagify" / "resources" / "G_A2B_epoch33.pth"
    fake.parent.mkdir(parents=True)
    fake.write_bytes(b"<html>not weights</html>")
    (tmp_path / "vintagify" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="force-reinstall"):
        ENTRY.load()


def test_missing_distribution_names_its_command(monkeypatch):
    monkeypatch.setattr("ganqbench.zoo.files.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'vintagify==0.1.2'"):
        ENTRY.load()


def test_splits_share_no_photograph():
    names = [photo.name for split in SPLITS for photo in PHOTOGRAPHS[split]]
    assert len(names) == len(set(names)) == 18


def test_recorded_sizes_are_those_of_the_files():
    for split in SPLITS:
        for photo in PHOTOGRAPHS[split]:
            assert photo.decode().shape == (photo.height, photo.width, 3)


@pytest.mark.parametrize("split", SPLITS)
def test_an_item_is_the_same_in_every_batch_and_object(split):
    source = Photographs(split, 64)
    whole = source.batch(range(10))[0]
    parts = torch.cat([batch[0] for batch in Batches(Photographs(split, 64), 10, 3)])
    assert torch.equal(whole, parts)
    assert whole.dtype == torch.float32
    assert whole.abs().max() <= 1


def test_items_of_one_photograph_are_different_windows():
    source = Photographs("choose", 256)
    first, second = source.batch([0, 2])[0]
    assert source.cluster(0) == source.cluster(2) == "coins"
    assert not torch.equal(first, second)


def test_a_window_is_a_part_of_its_photograph():
    (crop,) = Photographs("choose", 8).batch([1])[0]
    pixels = torch.from_numpy(PHOTOGRAPHS["choose"][1].decode().copy()).permute(2, 0, 1)
    windows = pixels.unfold(1, 8, 1).unfold(2, 8, 1).permute(1, 2, 0, 3, 4)
    wanted = ((crop + 1) * 127.5).round().to(torch.uint8)
    assert (windows == wanted).flatten(2).all(2).any()


def test_the_whole_photograph_fits():
    assert Photographs("final", 300).batch([1])[0].shape == (1, 3, 300, 300)


@pytest.mark.parametrize("resolution", [0, 4, 254, 304, -256])
def test_sizes_that_do_not_fit_are_refused(resolution):
    with pytest.raises(UserError, match="multiple of 4 from 8 to 300"):
        Photographs("final", resolution)


def test_unknown_split_is_refused():
    with pytest.raises(UserError, match="no split"):
        Photographs("fnal", 64)


def test_identity_tells_split_and_size_apart():
    identities = {Photographs(split, size).identity for split in SPLITS for size in (64, 256)}
    assert len(identities) == 8


def test_altered_photograph_is_refused(monkeypatch, tmp_path):
    (tmp_path / "coins.png").write_bytes(b"other")
    monkeypatch.setattr("ganqbench.zoo.photographs.package_file", lambda *_: Path(tmp_path, "coins.png"))
    with pytest.raises(UserError, match="SHA-256"):
        Photographs("choose", 64).batch([0])
