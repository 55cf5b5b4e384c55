"""`reference build` from data sets, and with Inception's weights from a server: small stand-ins of both."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torchvision
from click.testing import CliRunner
from inception_stand_in import stand_in
from PIL import Image

from ganqbench.cli.reference import reference as command
from ganqbench.errors import UserError
from ganqbench.metrics import load_reference
from ganqbench.metrics.extractors import EmbeddedExtractor
from ganqbench.metrics.inception import INCEPTION, InceptionExtractor
from ganqbench.metrics.pictures import dataset_pictures
from ganqbench.train.data import CLASSES

Pixels = npt.NDArray[np.uint8]


def build(*arguments: object) -> str:
    """What `ganqbench reference build` prints."""
    done = CliRunner().invoke(command, ["build", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder."""
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GANQBENCH_MIRROR", raising=False)
    return tmp_path / "home"


def pixels(count: int, seed: int = 0) -> Pixels:
    """Images `[N, H, W, 3]`."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def jpeg_tree(root: Path) -> Path:
    """CIFAR-10 of 40 training and 10 test images as JPEG files."""
    for split, count in (("train", 4), ("test", 1)):
        for label, name in enumerate(CLASSES):
            (root / split / name).mkdir(parents=True)
            for number, image in enumerate(pixels(count, label)):
                Image.fromarray(image).save(root / split / name / f"{number}.jpg")
    return root


def torchvision_set(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 of 50 training and 10 test images in torchvision's layout, whose hashes are let pass."""
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    published = torchvision.datasets.CIFAR10
    folder = root / published.base_folder
    folder.mkdir(parents=True)
    for seed, (name, _) in enumerate([*published.train_list, *published.test_list]):
        rows = pixels(10, seed).transpose(0, 3, 1, 2).reshape(10, -1)
        (folder / name).write_bytes(pickle.dumps({"data": rows, "labels": list(range(10))}))
    meta = {str(published.meta["key"]): list(CLASSES)}
    (folder / str(published.meta["filename"])).write_bytes(pickle.dumps(meta))
    return root


def means(images: Pixels) -> npt.NDArray[np.float64]:
    """Mean features of images `[N, H, W, 3]`."""
    features = EmbeddedExtractor().features(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return features.mean(axis=0, dtype=np.float64)


def test_the_training_images_of_jpeg_files(tmp_path: Path, home: Path) -> None:
    data, out = jpeg_tree(tmp_path / "cifar"), tmp_path / "out.safetensors"
    first = build("--dataset", "cifar10-jpeg", "--data", data, "--out", out)
    built = load_reference(out)
    assert "cifar10-jpeg train, 40 images" in first
    images = [np.asarray(Image.open(path)) for path in sorted((data / "train").rglob("*.jpg"))]
    np.testing.assert_allclose(built.mean, means(np.stack(images)), rtol=1e-6, atol=1e-9)
    assert list((home / "data").glob("cifar10-jpeg-*.npz"))
    assert build("--dataset", "cifar10-jpeg", "--data", data, "--out", out) == first  # of the decoded copy
    assert load_reference(out).digest == built.digest


def test_the_training_images_of_torchvisions_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = torchvision_set(tmp_path / "cifar", monkeypatch), tmp_path / "out.safetensors"
    assert "cifar10 train, 50 images" in build("--dataset", "cifar10", "--data", data, "--out", out)
    expected = means(np.concatenate([pixels(10, seed) for seed in range(5)]))
    np.testing.assert_allclose(load_reference(out).mean, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_the_emoji_that_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = build("--dataset", "emoji", "--rows", 10)
    (made,) = tmp_path.glob("*.safetensors")
    assert made.name == "reference-emoji-embedded.safetensors"
    assert made.name in printed
    built = load_reference(made)
    assert built.n == dataset_pictures("emoji", None).n
    with as_file(files("ganqbench.weights") / "reference-emoji.safetensors") as shipped:
        np.testing.assert_allclose(built.mean, load_reference(shipped).mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["cifar10", "cifar10-jpeg"])
def test_a_data_set_that_is_not_there_leaves_nothing(name: str, tmp_path: Path) -> None:
    empty, out = tmp_path / "empty", tmp_path / "out.safetensors"
    empty.mkdir()
    for data in (empty, tmp_path / "absent"):
        with pytest.raises(UserError, match="No reference was made"):
            build("--dataset", name, "--data", data, "--out", out)
    assert not out.exists()


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A server of a file that is pinned as Inception's, the file, and the server's address."""
    folder = tmp_path / "served"
    folder.mkdir()
    path = folder / INCEPTION.file
    pin = stand_in(path)
    monkeypatch.setattr("ganqbench.metrics.inception.INCEPTION", pin)
    monkeypatch.setattr(InceptionExtractor.__init__, "__defaults__", (pin,))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of seven images."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, image in enumerate(pixels(7)):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def inception(images: Path, out: Path) -> str:
    """Build in Inception's features, with its weights downloaded."""
    return build("--images", images, "--extractor", "inception", "--download", "--out", out)


@pytest.mark.slow
def test_inceptions_weights_are_downloaded_once_and_kept(
    mirror: tuple[Path, str], images: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, address = mirror
    monkeypatch.setenv("GANQBENCH_MIRROR", address)
    out = tmp_path / "out.safetensors"
    assert "d = 2048" in inception(images, out)
    assert (home / "inception" / path.name).read_bytes() == path.read_bytes()
    built = load_reference(out)
    assert built.origin is not None
    assert built.origin.network.weights == hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setenv("GANQBENCH_MIRROR", str(tmp_path / "gone"))
    inception(images, out)
    assert load_reference(out).digest == built.digest


def test_another_file_on_the_server_is_never_used(
    mirror: tuple[Path, str], images: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, address = mirror
    monkeypatch.setenv("GANQBENCH_MIRROR", address)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="expected"):
        inception(images, tmp_path / "out.safetensors")
    assert not (home / "inception" / path.name).exists()
    assert not (tmp_path / "out.safetensors").exists()


def test_a_server_without_the_file_is_named(
    mirror: tuple[Path, str], images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, address = mirror
    monkeypatch.setenv("GANQBENCH_MIRROR", address)
    path.unlink()
    with pytest.raises(UserError, match=address):
        inception(images, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
