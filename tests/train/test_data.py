from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ganqbench.train.__main__ import main
from ganqbench.train.data import CLASSES, DataError, load_cifar10
from ganqbench.train.emoji import Glyphs, base_glyph, read_glyphs, split_glyphs


def test_a_folder_and_a_tar_of_it_give_the_same_set(tree: Path, tmp_path: Path) -> None:
    packed = tmp_path / "cifar.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for split in ("test", "train"):
            archive.add(tree / split, split)
    folder, tar = load_cifar10(tree), load_cifar10(packed)
    assert folder.fingerprint == tar.fingerprint
    assert folder.train.images.shape == (40, 32, 32, 3)
    assert folder.test.labels.tolist() == np.repeat(np.arange(10), 2).tolist()
    assert folder.train.source == "cifar10-jpeg"


def test_the_cache_gives_back_what_was_read(tree: Path, tmp_path: Path) -> None:
    first = load_cifar10(tree, cache=tmp_path)
    (stored,) = tmp_path.glob("cifar10-jpeg-*.npz")
    again = load_cifar10(tree, cache=tmp_path)
    assert again.fingerprint == first.fingerprint
    assert [p.name for p in tmp_path.iterdir()] == [stored.name]


def test_missing_and_misplaced_images_are_named(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_cifar10(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no train"):
        load_cifar10(tmp_path)
    (tmp_path / "train" / "zebra").mkdir(parents=True)
    source = next((tree / "train" / CLASSES[0]).glob("*.jpg"))
    (tmp_path / "train" / "zebra" / "0000.jpg").write_bytes(source.read_bytes())
    with pytest.raises(DataError, match=r"zebra/0000\.jpg"):
        load_cifar10(tmp_path)


def _png(*size: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is damaged or no image"),
        (b"<html>not an image</html>", "is damaged or no image"),
        (_png(32, 32)[:40], "is damaged or no image"),
        (_png(32, 31), "has 32 x 31 pixels"),
        (_png(64, 64), "has 64 x 64 pixels"),
    ],
)
def test_images_that_are_none_of_cifar10_are_named(
    content: bytes, problem: str, tree: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cifar"
    shutil.copytree(tree, folder)
    (folder / "train" / "cat" / "0001.jpg").write_bytes(content)
    packed = tmp_path / "cifar.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(folder, ".")
    for path in (folder, packed):
        with pytest.raises(DataError, match=rf"train/cat/0001\.jpg {problem}"):
            load_cifar10(path)


def test_a_jpeg_that_breaks_off_is_named(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cifar"
    shutil.copytree(tree, folder)
    path = folder / "test" / "ship" / "0000.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"test/ship/0000\.jpg is damaged"):
        load_cifar10(folder)


def test_a_tar_that_breaks_off_is_named(tree: Path, tmp_path: Path) -> None:
    packed = tmp_path / "cifar.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tree, ".")
    for content in (packed.read_bytes()[:5000], b"no tar at all", b""):
        packed.write_bytes(content)
        with pytest.raises(DataError, match=r"cifar\.tar\.gz is no whole tar file"):
            load_cifar10(packed)


def test_a_tar_of_emoji_that_breaks_off_is_named(tmp_path: Path) -> None:
    packed = tmp_path / "emoji.tar"
    for content in (b"no tar at all", b""):
        packed.write_bytes(content)
        with pytest.raises(DataError, match=r"emoji\.tar is no whole tar file"):
            read_glyphs(packed)


def test_a_run_that_was_never_made_is_not_published(tree: Path, tmp_path: Path) -> None:
    words = ["gan", "sagan", "--data", str(tree), "--cache", str(tmp_path / "cache"), "--publish-only"]
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "run")])
    assert done.exit_code == 1
    assert done.output == f"Error: {tmp_path / 'run/checkpoint.pt'}: No such file or directory.\n"


def test_the_command_says_so_without_a_traceback(tmp_path: Path) -> None:
    words = ["gan", "sagan", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert done.output == f"Error: {tmp_path} holds no train/<class>/*.jpg images.\n"


def test_a_batch_of_no_whole_groups_is_refused_before_data_are_read(tmp_path: Path) -> None:
    words = ["gan", "stylegan2", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--batch", "6"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "--batch: stylegan2 compares images in groups of 4." in done.output


def test_torchvision_set_that_is_absent_tells_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="download=True"):
        load_cifar10(tmp_path, "cifar10")


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("1f44b-1f3fb", "1f44b"),
        ("1f469-1f3ff-200d-1f692", "1f9d1-1f692"),
        ("1f3c3-1f3fd-200d-2640-fe0f-200d-27a1-fe0f", "1f3c3"),
        ("0023-fe0f-20e3", "0023-20e3"),
        ("2640-fe0f", "2640-fe0f"),
        ("1f3fb", "1f3fb"),
    ],
)
def test_variants_share_their_base_glyph(name: str, base: str) -> None:
    assert base_glyph(name) == base


def test_no_base_glyph_is_in_two_splits() -> None:
    names = tuple(f"{glyph:04x}{tone}" for glyph in range(60) for tone in ("", "-1f3fb", "-1f3ff"))
    images = np.zeros((len(names), 4, 4, 3), np.uint8)
    split = split_glyphs(Glyphs(images, names, tuple(map(base_glyph, names))), held_out=10)
    parts = [set(part.bases) for part in (split.drawn, split.pictured, split.held_out)]
    assert [len(part) for part in parts] == [25, 25, 10]
    assert len(set.union(*parts)) == 60
    assert len(split.held_out.names) == 30
