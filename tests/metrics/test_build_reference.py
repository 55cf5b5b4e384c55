"""Building references: from folders, data sets and the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image

from ganqbench.cli.reference import reference as command
from ganqbench.errors import UserError
from ganqbench.metrics import MetricError, frechet, load_reference
from ganqbench.metrics.build_reference import build_reference
from ganqbench.metrics.extractor_registry import open_extractor
from ganqbench.metrics.extractors import EmbeddedExtractor
from ganqbench.metrics.pictures import dataset_pictures, folder_pictures
from ganqbench.metrics.reference import Reference


@pytest.fixture(scope="module")
def extractor() -> EmbeddedExtractor:
    return EmbeddedExtractor()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 images of three sizes in two subfolders."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(45):
        size = (32, 40, 64)[number % 3]
        pixels = rng.integers(0, 256, (size, 32, 3), dtype=np.uint8)
        target = root / f"part{number % 2}" / f"{number:03d}.png"
        target.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(target)
    (root / "notes.txt").write_text("no image")
    return root


def features_one_by_one(extractor: EmbeddedExtractor, folder: Path) -> npt.NDArray[np.float32]:
    pictures = folder_pictures(folder).open()
    return np.concatenate([extractor.features(picture[None]) for picture in pictures])


def test_a_reference_has_the_moments_of_its_images(extractor: EmbeddedExtractor, folder: Path) -> None:
    built = build_reference(folder_pictures(folder), extractor, np.random.default_rng(0), rows=20)
    features = features_one_by_one(extractor, folder)
    expected = Reference.from_features(features)
    assert built.n == 45
    np.testing.assert_allclose(built.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(built.covariance, expected.covariance, rtol=1e-9, atol=1e-12)
    kept = built.require_rows()
    chosen = np.sort(np.random.default_rng(0).choice(45, 20, replace=False))
    assert np.array_equal(kept.rows, features[chosen].astype(np.float16))
    built.require(extractor.feature_identity)
    assert frechet(built, features).value == pytest.approx(0, abs=1e-9)


def test_the_seed_decides_the_rows_and_nothing_else(extractor: EmbeddedExtractor, folder: Path) -> None:
    first, same, other = (
        build_reference(folder_pictures(folder), extractor, np.random.default_rng(seed), rows=20)
        for seed in (0, 0, 1)
    )
    assert first.digest == same.digest
    assert first.digest != other.digest
    assert first.mean.tobytes() == other.mean.tobytes()
    assert first.origin == other.origin


def test_few_images_are_all_kept(extractor: EmbeddedExtractor, folder: Path) -> None:
    built = build_reference(folder_pictures(folder), extractor, np.random.default_rng(0))
    assert len(built.require_rows().rows) == 45


def test_sources_that_make_no_reference(extractor: EmbeddedExtractor, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="is no folder"):
        folder_pictures(tmp_path / "absent")
    with pytest.raises(MetricError, match="holds no images"):
        folder_pictures(tmp_path)
    (tmp_path / "one.png").write_bytes((folder / "part0" / "000.png").read_bytes())
    with pytest.raises(MetricError, match="1 images make no reference"):
        build_reference(folder_pictures(tmp_path), extractor, np.random.default_rng(0))
    for rows in (5, 10_001):
        with pytest.raises(MetricError, match="rows can be kept"):
            build_reference(folder_pictures(folder), extractor, np.random.default_rng(0), rows=rows)
    (tmp_path / "two.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(MetricError, match=r"two\.png can't be read as an image"):
        build_reference(folder_pictures(tmp_path), extractor, np.random.default_rng(0))
    with pytest.raises(MetricError, match="unknown data set"):
        dataset_pictures("imagenet", None)
    with pytest.raises(MetricError, match="--data"):
        dataset_pictures("cifar10", None)
    with pytest.raises(MetricError, match="does not exist"):
        dataset_pictures("cifar10-jpeg", tmp_path / "absent")
    with pytest.raises(MetricError, match="unknown extractor"):
        open_extractor("vgg")
    with pytest.raises(MetricError, match="--weights"):
        open_extractor("inception")
    with pytest.raises(MetricError, match="does not exist"):
        open_extractor("inception", tmp_path)


def test_emoji_are_both_training_halves_with_their_mirror_images() -> None:
    pictures = dataset_pictures("emoji", None)
    first = next(iter(pictures.open()))
    assert (first.shape, first.dtype, pictures.n) == ((3, 64, 64), np.uint8, 3046)
    images = list(pictures.open())
    assert np.array_equal(images[1523], images[0][:, :, ::-1])


def test_the_command_writes_what_it_says(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "reference.safetensors"
    done = CliRunner().invoke(
        command, ["build", "--images", str(folder), "--out", str(out), "--rows", "10"], catch_exceptions=False
    )
    assert done.exit_code == 0
    built = load_reference(out)
    assert built.digest in done.output
    assert "45 images" in done.output
    assert len(built.require_rows().rows) == 10


def test_the_command_explains_what_is_wrong(tmp_path: Path) -> None:
    for arguments, message in (
        ([], "Exactly one source"),
        (["--images", str(tmp_path), "--dataset", "emoji"], "Exactly one source"),
        (["--images", str(tmp_path)], "holds no images"),
        (["--dataset", "emoji", "--extractor", "inception"], "--weights"),
    ):
        with pytest.raises(UserError, match=message):
            CliRunner().invoke(command, ["build", *arguments], catch_exceptions=False)
    assert not list(tmp_path.iterdir())
