"""DINOv2 and LPIPS where they are at hand, by small stand-ins of the same make; clear words elsewhere."""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ganqbench.metrics import MetricError
from ganqbench.metrics.dinov2 import VIT_L14, DinoModel, DinoV2Extractor
from ganqbench.metrics.extractor_registry import open_extractor
from ganqbench.metrics.learned_distance import ALEXNET, Lpips
from ganqbench.metrics.resize import resize

pytestmark = pytest.mark.slow
Images = npt.NDArray[np.uint8]
TINY = DinoModel(
    "tiny.pth", "https://example.org/tiny.pth", "vit_small_patch14_dinov2",
    {"depth": 1, "embed_dim": 24, "num_heads": 2},
)  # fmt: skip


def images(n: int, size: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (n, 3, size, size), dtype=np.uint8)


def tiny() -> Any:
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(TINY.architecture, num_classes=0, img_size=224, **TINY.options).eval()


@pytest.fixture
def dino(tmp_path: Path) -> Path:
    torch.save(tiny().state_dict(), tmp_path / TINY.file)
    return tmp_path


def test_dinov2_gives_its_class_token(dino: Path) -> None:
    extractor = DinoV2Extractor(dino, TINY)
    pixels = images(3, 64)
    sized = torch.cat([resize(torch.from_numpy(image[None]).float(), 224) for image in pixels])
    mean, sd = (torch.tensor(each)[:, None, None] for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        expected = tiny().forward_features((sized / 255 - mean) / sd)[:, 0].numpy()
    found = extractor.features(pixels)
    assert found.shape == (3, extractor.dim) == (3, 24)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert extractor.features(pixels[1:2]).tobytes() == found[1:2].tobytes()
    identity = str(extractor.identity("fid", 5000, "a" * 64))
    digest = hashlib.sha256((dino / TINY.file).read_bytes()).hexdigest()
    assert identity == f"fid[dinov2@{digest[:12]} pil-bicubic-224 n=5000 ref=aaaaaaaaaaaa]"


def test_loading_a_network_draws_nothing_from_the_global_generator(dino: Path) -> None:
    before = torch.random.get_rng_state()
    DinoV2Extractor(dino, TINY)
    assert torch.equal(before, torch.random.get_rng_state())


def test_weights_that_are_missing_or_others_are_refused(dino: Path, tmp_path: Path) -> None:
    with pytest.raises(MetricError, match=f"--weights FOLDER; get it from {VIT_L14.url}"):
        open_extractor("dinov2")
    with pytest.raises(MetricError, match=rf"{VIT_L14.file} does not exist; get it from"):
        open_extractor("dinov2", tmp_path)
    for content in (b"", b"<html>not found</html>"):
        (dino / TINY.file).write_bytes(content)
        with pytest.raises(MetricError, match="is damaged or no file of weights"):
            DinoV2Extractor(dino, TINY)
    for state, message in (([1, 2], "holds no tensors"), ({"x": torch.zeros(2)}, "holds other weights")):
        torch.save(state, dino / TINY.file)
        with pytest.raises(MetricError, match=message):
            DinoV2Extractor(dino, TINY)


def alexnet(folder: Path) -> str:
    """Random weights of AlexNet's convolutions in `folder`; their SHA-256."""
    shapes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    generator = torch.Generator().manual_seed(0)
    state = {}
    for layer, (wide, narrow, size) in shapes.items():
        scale = (2 / (narrow * size * size)) ** 0.5
        weight = torch.randn(wide, narrow, size, size, generator=generator) * scale
        state |= {f"features.{layer}.weight": weight, f"features.{layer}.bias": torch.zeros(wide)}
    torch.save(state, folder / ALEXNET)
    return hashlib.sha256((folder / ALEXNET).read_bytes()).hexdigest()


def test_lpips_is_the_package_on_the_weights_at_hand(tmp_path: Path) -> None:
    pytest.importorskip("lpips")
    measure = Lpips(tmp_path, alexnet(tmp_path)[:8])
    first, second = images(2, 64), images(2, 64, 1)
    found = measure.perceptual(first, second)
    state = torch.load(tmp_path / ALEXNET, weights_only=True)
    for layer in (0, 3, 6, 8, 10):  # all of them were loaded
        own = dict(measure._network.net.named_parameters())
        (name,) = [each for each in own if each.endswith(f".{layer}.weight")]
        assert torch.equal(own[name], state[f"features.{layer}.weight"])
    with torch.inference_mode():
        scaled = [torch.from_numpy(each).float() / 127.5 - 1 for each in (first, second)]
        expected = measure._network(*scaled).reshape(-1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (found > 0).all()
    assert measure.perceptual(first, first).tolist() == [0.0, 0.0]
    assert measure.perceptual(first[1:], second[1:]).tobytes() == found[1:].tobytes()
    assert str(measure.identity(2)).startswith(f"lpips[lpips-alex-0.1@{measure.weights[:12]} none n=2")
    with pytest.raises(MetricError, match="not paired"):
        measure.perceptual(first, second[:1])
    with pytest.raises(MetricError, match="at least 32 pixels"):
        measure.perceptual(images(1, 16), images(1, 16))


def test_lpips_refuses_other_files(tmp_path: Path) -> None:
    pytest.importorskip("lpips")
    with pytest.raises(MetricError, match=r"does not exist; get it from https://download\.pytorch\.org"):
        Lpips(tmp_path)
    alexnet(tmp_path)
    with pytest.raises(MetricError, match="not the published file"):
        Lpips(tmp_path)
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / ALEXNET)
    with pytest.raises(MetricError, match="other weights than AlexNet's"):
        Lpips(tmp_path, "")


@pytest.mark.parametrize("package", ["timm", "lpips"])
def test_a_missing_package_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        name: str, globals: Mapping[str, object] | None = None, locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (), level: int = 0,
    ) -> Any:  # fmt: skip
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MetricError, match=rf"needs {package}: pip install ganqbench\[extractors\]"):
        DinoV2Extractor(tmp_path) if package == "timm" else Lpips(tmp_path)
