"""Distances of a cell: paired by item, judged by the files that the resume key names."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ganqbench.adapter import load_adapter
from ganqbench.errors import UserError
from ganqbench.harness import judge as judges
from ganqbench.harness import judge_files
from ganqbench.harness.evaluate import Evaluation
from ganqbench.harness.identity import numeric_code, resume_key, versions
from ganqbench.harness.judge import Judge
from ganqbench.harness.judge_files import judge_hashes
from ganqbench.harness.parts import Part, whole
from ganqbench.harness.skips import unjudged
from ganqbench.metrics.checks import MetricError
from ganqbench.metrics.extractor_registry import ALEXNET
from ganqbench.metrics.extractors import EmbeddedExtractor, Extractor
from ganqbench.metrics.interval import Estimate
from ganqbench.metrics.learned_distance import Lpips
from ganqbench.metrics.reference import Origin, Reference
from ganqbench.metrics.reference_file import save_reference
from ganqbench.records.bounds import BOUNDS
from ganqbench.suite import load_suite, suite_names
from ganqbench.zoo.generator import Batches
from ganqbench.zoo.registry import entry

GAN = "stylegan2-cifar10"
N = 256  # over the 192 features, so that there are intervals


@pytest.fixture(scope="module")
def judge() -> Judge:
    found = Judge.of(entry(GAN), load_suite("mini").protocol[GAN])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(
        0, 256, (N, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(3)
    )


def evaluated(
    judge: Judge, targets: torch.Tensor, images: torch.Tensor, order: list[int]
) -> dict[str, float]:
    evaluation = Evaluation(Batches(entry(GAN).inputs("final"), N, 64), judge)
    for start in order:
        part = slice(start, start + 64)
        evaluation.update(range(start, start + 64), targets[part], images[part])
    metrics = evaluation.of_quantized(judge.extractor.features(targets))
    return {name: estimate.value for name, estimate in metrics.items()}


def test_an_unchanged_generator_differs_from_itself_by_nothing(judge: Judge, images: torch.Tensor) -> None:
    found = evaluated(judge, images, images, [0, 64, 128, 192])
    assert (found["fid_delta"], found["kid_delta"], found["psnr"]) == (0, 0, 100)
    assert found["qfid"] == pytest.approx(0, abs=1e-7)
    assert found["perceptual"] == pytest.approx(0, abs=1e-6)
    assert found["fid"] == judge.alone(judge.extractor.features(images), None)["fid"].value


def test_pairs_are_by_item_whatever_the_order_of_batches(judge: Judge, images: torch.Tensor) -> None:
    changed = (images.int() + 3).clamp(0, 255).to(torch.uint8)
    forward = evaluated(judge, images, changed, [0, 64, 128, 192])
    assert evaluated(judge, images, changed, [128, 0, 192, 64]) == forward
    unpaired = evaluated(judge, images, changed.roll(1, 0), [0, 64, 128, 192])
    assert unpaired["psnr"] < forward["psnr"] - 10
    assert unpaired["fid"] == pytest.approx(forward["fid"], rel=1e-6)


def in_parts(
    judge: Judge, targets: torch.Tensor, images: torch.Tensor, count: int, folder: Path
) -> dict[str, Estimate]:
    """The metrics of a cell whose evaluation was split, saved and joined."""
    items = Batches(entry(GAN).inputs("final"), N, 32)
    joined, features = Evaluation(items, judge), []
    for number in range(count):
        own = Part(number, count).of(items)
        evaluation = Evaluation(items, judge)
        for indices in own.indices():
            part = slice(indices.start, indices.stop)
            evaluation.update(indices, targets[part], images[part])
        evaluation.save(folder / f"{count}-{number}.npz")
        joined.merge(folder / f"{count}-{number}.npz")
        features.append(judge.extractor.features(targets[own.start : own.start + own.n]))
    return whole(joined, features, [images[:1]], [], is_baseline=False).metrics


def test_numbers_of_one_two_and_five_parts_are_the_same_to_the_bit(
    judge: Judge, images: torch.Tensor, tmp_path: Path
) -> None:
    changed = (images.int() + 3).clamp(0, 255).to(torch.uint8)
    found = [in_parts(judge, images, changed, count, tmp_path) for count in (1, 2, 5)]
    assert {"fid_delta", "qfid", "kid", "recall", "perceptual", "psnr"} <= set(found[0])
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_each_distance_says_what_it_is_a_distance_of(judge: Judge, images: torch.Tensor) -> None:
    evaluation = Evaluation(Batches(entry(GAN).inputs("final"), N, 64), judge)
    names = evaluation.identities(evaluation.of_baseline(judge.extractor.features(images)))
    assert set(names) == {"fid", "kid", "precision", "recall", "density", "coverage", "inception_score"}
    for name, identity in names.items():
        assert identity.startswith(f"{name}[metric-net@{judge.extractor.weights[:12]}")
        assert f"n={N} ref={judge.reference.digest[:12]}" in identity


class Another(Extractor):
    """A feature network that compares no pairs, as Inception is."""

    name, weights, resizer, dim, size = "another", "0" * 64, "pil-bicubic-8", 192, 8

    def _forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.reshape(len(images), -1) / 255


class Halves(Lpips):
    """LPIPS in name and file alone: the mean absolute difference, halved."""

    def __init__(self, directory: Path) -> None:
        self.weights = hashlib.sha256((directory / ALEXNET).read_bytes()).hexdigest()

    def perceptual(self, reference: Any, candidate: Any) -> npt.NDArray[np.float64]:
        """Of each pair."""
        result: npt.NDArray[np.float64] = abs(reference.double() - candidate.double()).mean((1, 2, 3)).numpy()
        return result / 2


@pytest.mark.parametrize("at_hand", [False, True])
def test_pairs_are_compared_by_lpips_or_by_a_distance_of_another_name(
    at_hand: bool, images: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path))
    protocol = load_suite("mini").protocol[GAN].model_copy(update={"extractor": "inception"})
    without = judge_hashes(entry(GAN), protocol)
    if at_hand:
        (tmp_path / "lpips").mkdir()
        (tmp_path / "lpips" / ALEXNET).write_bytes(b"weights")
    assert (judge_hashes(entry(GAN), protocol) == without) is not at_hand
    network = Another()
    features = network.features(images)
    built = Reference.from_features(features).keeping(features)
    origin = Origin("images", "0" * 64, network.feature_identity, "none")
    paths = judge_files.judge_files(entry(GAN), protocol)
    save_reference(paths["reference"], replace(built, origin=origin))
    monkeypatch.setattr(judges, "open_extractor", lambda *_: network)
    monkeypatch.setattr(judges, "Lpips", Halves)
    judge = Judge.of(entry(GAN), protocol)
    assert judge is not None
    changed = (images.int() + 3).clamp(0, 255).to(torch.uint8)
    evaluation = Evaluation(Batches(entry(GAN).inputs("final"), N, 64), judge)
    for start in range(0, N, 64):
        part = slice(start, start + 64)
        evaluation.update(range(start, start + 64), images[part], changed[part])
    metrics = evaluation.of_quantized(features)
    names = evaluation.identities(metrics)
    assert ("lpips" in metrics, "perceptual" in metrics) == (at_hand, not at_hand)
    if at_hand:
        expected, name, network_name = (
            Halves(tmp_path / "lpips").perceptual(images, changed),
            "lpips",
            "lpips",
        )
    else:
        embedded = EmbeddedExtractor()
        expected, name, network_name = embedded.perceptual(images, changed), "perceptual", "metric-net"
    assert metrics[name].value == pytest.approx(expected.mean(), rel=1e-12)
    assert names[name].startswith(f"{name}[{network_name}")
    assert names[name].endswith(f"n={N} ref=fp32]")
    assert names["fid"].startswith("fid[another@")
    assert set(metrics) <= set(BOUNDS)


def test_a_changed_judge_makes_exactly_its_cells_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = load_suite("mini")
    chosen = {gan: suite.baseline(gan) for gan in (GAN, "cyclegan-vintagify")}

    def keys() -> dict[str, str]:
        return {
            gan: resume_key(
                cell,
                suite,
                entry(gan),
                numeric_code(cell, entry(gan)),
                versions(load_adapter("fp32"), entry(gan)),
            )
            for gan, cell in chosen.items()
        }

    before = keys()
    shutil.copytree(Path(str(judge_files.files("ganqbench.weights"))), tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(judge_files, "files", lambda _: tmp_path)
    assert keys() == before
    with (tmp_path / "metric.safetensors").open("ab") as file:
        file.write(b"x")
    after = keys()
    assert after[GAN] != before[GAN]
    assert after["cyclegan-vintagify"] == before["cyclegan-vintagify"]


def test_a_reference_of_another_network_is_refused(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Path(str(judge_files.files("ganqbench.weights"))), tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(judge_files, "files", lambda _: tmp_path)
    features = np.random.default_rng(0).standard_normal((300, judge.extractor.dim))
    save_reference(tmp_path / "reference-cifar10.safetensors", type(judge.reference).from_features(features))
    with pytest.raises(MetricError, match="what network"):
        Judge.of(entry(GAN), load_suite("mini").protocol[GAN])


@pytest.mark.parametrize("name", suite_names())
def test_no_suite_asks_for_distances_that_nobody_can_measure(name: str) -> None:
    suite = load_suite(name)
    for gan, protocol in suite.protocol.items():
        unjudged(entry(gan), protocol)


def test_pixels_alone_never_pass_for_distances() -> None:
    protocol = load_suite("mini").protocol[GAN]
    with pytest.raises(UserError, match="names no reference"):
        unjudged(entry("cyclegan-vintagify"), protocol)
    absent = unjudged(entry("stylegan2-ffhq256"), protocol)
    assert absent is not None
    assert "reference-ffhq256.safetensors" in absent.reason
