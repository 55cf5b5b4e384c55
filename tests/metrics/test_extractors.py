"""Feature networks: the same bits in any batch, the resizer, pinned files and identities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from inception_stand_in import StandIn, stand_in
from PIL import Image
from safetensors.torch import load, save

from ganqbench.metrics import MetricError
from ganqbench.metrics.extractors import EmbeddedExtractor, ThirdExtractor
from ganqbench.metrics.inception import InceptionExtractor, Pin
from ganqbench.metrics.metric_identity import MetricIdentity
from ganqbench.metrics.resize import resize
from ganqbench.zoo.classifier import build_classifier

Images = npt.NDArray[np.uint8]


def images(n: int, size: int = 32, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (n, 3, size, size), dtype=np.uint8)


def random_weights(network: str) -> bytes:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = build_classifier(network).state_dict()
    return save({name: value.contiguous() for name, value in state.items()})


@pytest.fixture(scope="module")
def content() -> bytes:
    return random_weights("metric")


@pytest.fixture(scope="module")
def extractor(content: bytes) -> EmbeddedExtractor:
    return EmbeddedExtractor(content)


@pytest.mark.parametrize("kind", [EmbeddedExtractor, ThirdExtractor])
def test_features_are_the_networks_own(kind: type[EmbeddedExtractor]) -> None:
    pixels, content = images(5), random_weights(kind.network_name)
    extractor = kind(content)
    plain = build_classifier(kind.network_name).eval()
    plain.load_state_dict(load(content))
    with torch.inference_mode():
        expected = plain.features(torch.from_numpy(pixels).float() / 127.5 - 1)
    found = extractor.features(pixels)
    assert found.shape == (5, extractor.dim)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_neither_judge_reads_the_others_weights() -> None:
    for kind, other in ((EmbeddedExtractor, "third"), (ThirdExtractor, "metric")):
        with pytest.raises(MetricError, match="damaged"):
            kind(random_weights(other))
    names = {kind(random_weights(kind.network_name)).name for kind in (EmbeddedExtractor, ThirdExtractor)}
    assert len(names) == 2


def test_an_image_has_the_same_features_in_any_company(extractor: EmbeddedExtractor) -> None:
    pixels = images(70)
    together = extractor.features(pixels)
    order = np.random.default_rng(1).permutation(70)
    assert extractor.features(pixels[order]).tobytes() == together[order].tobytes()
    for start in (0, 31, 69):
        alone = extractor.features(torch.from_numpy(pixels[start : start + 1]))
        assert alone.tobytes() == together[start : start + 1].tobytes()
    assert extractor.features(pixels[:0]).shape == (0, extractor.dim)


def test_perceptual_distance_grows_with_the_error(extractor: EmbeddedExtractor) -> None:
    pixels = images(6)
    noise = np.random.default_rng(2).integers(-40, 41, pixels.shape)
    near, far = (np.clip(pixels + noise // k, 0, 255).astype(np.uint8) for k in (8, 1))
    assert extractor.perceptual(pixels, pixels).tolist() == [0.0] * 6
    small, large = extractor.perceptual(pixels, near), extractor.perceptual(pixels, far)
    assert (small > 0).all()
    assert (large > small).all()
    np.testing.assert_allclose(extractor.perceptual(far, pixels), large, rtol=1e-6)
    assert extractor.perceptual(pixels[2:4], far[2:4]).tobytes() == large[2:4].tobytes()
    with pytest.raises(MetricError, match="not paired"):
        extractor.perceptual(pixels, pixels[:2])


def test_one_pass_over_pairs_gives_the_same_bits(extractor: EmbeddedExtractor) -> None:
    first, second = images(40), images(40, seed=1)
    features, distances = extractor.compare(first, second)
    assert features.tobytes() == extractor.features(second).tobytes()
    assert distances.tobytes() == extractor.perceptual(first, second).tobytes()
    assert [part.shape for part in extractor.compare(first[:0], second[:0])] == [(0, 192), (0,)]


def test_one_image_after_another_gives_the_same_bits(extractor: EmbeddedExtractor) -> None:
    for size in (32, 48):
        pixels = images(70, size)
        streamed = list(extractor.stream(iter(pixels)))
        assert [len(part) for part in streamed] == [32, 32, 6]
        assert np.concatenate(streamed).tobytes() == extractor.features(pixels).tobytes()


@pytest.mark.parametrize(
    ("height", "width", "target"), [(64, 64, 32), (40, 72, 32), (24, 32, 75), (32, 32, 32)]
)
def test_resizing_equals_pillow(height: int, width: int, target: int) -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 3, height, width)).astype(np.float32)
    found = resize(torch.from_numpy(pixels), target).numpy()
    for plane, result in zip(
        pixels.reshape(-1, height, width), found.reshape(-1, target, target), strict=True
    ):
        expected = np.asarray(Image.fromarray(plane).resize((target, target), Image.Resampling.BICUBIC))
        np.testing.assert_allclose(result, expected, atol=1e-3)


def test_images_that_are_not_uint8_are_refused(extractor: EmbeddedExtractor) -> None:
    with pytest.raises(MetricError, match="not uint8"):
        extractor.features(images(2).astype(np.float32))
    with pytest.raises(MetricError, match=r"not \[N, 3, H, W\]"):
        extractor.features(images(2)[:, :1])


def test_damaged_and_foreign_weights_are_refused(content: bytes) -> None:
    for broken in (b"", content[:100], content[:-5], save({"x": torch.zeros(1)})):
        with pytest.raises(MetricError, match="damaged"):
            EmbeddedExtractor(broken)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pin]:
    folder = tmp_path_factory.mktemp("inception")
    return folder, stand_in(folder / "net.pt")


def test_inception_reads_only_the_published_file(published: tuple[Path, Pin], tmp_path: Path) -> None:
    folder, pin = published
    network = InceptionExtractor(folder, pin)
    found = network.features(images(2, 64))
    assert found.shape == (2, 2048)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = StandIn().eval()
    prepared = torch.cat([resize(torch.from_numpy(image[None]).float(), 299) for image in images(2, 64)])
    with torch.inference_mode():
        expected = plain.layers((prepared - 128) / 128).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert network.weights == pin.sha256
    with pytest.raises(MetricError, match="does not exist"):
        InceptionExtractor(tmp_path)
    (tmp_path / pin.file).write_bytes((folder / pin.file).read_bytes()[:-1])
    with pytest.raises(MetricError, match="not the published file"):
        InceptionExtractor(tmp_path, pin)
    with pytest.raises(MetricError, match="not the published file"):
        InceptionExtractor(folder, replace(pin, sha256="0" * 64))


def test_an_identity_names_all_that_a_distance_depends_on(extractor: EmbeddedExtractor) -> None:
    identity = extractor.identity("fid", 5000, "ab" * 32)
    assert str(identity) == f"fid[metric-net@{extractor.weights[:12]} pil-bicubic-32 n=5000 ref=abababababab]"


@pytest.mark.parametrize(
    ("field", "value"),
    [("metric", "kid"), ("extractor", "x"), ("weights", "0"), ("resizer", "x"), ("n", 1), ("reference", "0")],
)
def test_identities_that_differ_in_anything_have_other_names(field: str, value: object) -> None:
    identity = MetricIdentity("fid", "inception", "f" * 64, "pil-bicubic-299", 5000, "a" * 64)
    other = replace(identity, **{field: value})  # type: ignore[arg-type]
    assert str(other) != str(identity)
