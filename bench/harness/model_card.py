"""What a small trained generator is and how good: measured here, with the network no training saw."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganqbench.errors import UserError
from ganqbench.harness.judge import Judge
from ganqbench.harness.measure import render
from ganqbench.metrics.extractors import EmbeddedExtractor
from ganqbench.metrics.frechet_distance import frechet
from ganqbench.metrics.manifold import prdc
from ganqbench.protocol import Protocol
from ganqbench.train.data import DataError, ImageSet, load_cifar10
from ganqbench.train.distance import variance_ratio
from ganqbench.train.emoji import mean_by_base
from ganqbench.train.grid import save_grid
from ganqbench.zoo.cyclegan_emoji import CycleGANEmoji
from ganqbench.zoo.files import safetensors_metadata
from ganqbench.zoo.generator import Batches, ZooEntry
from ganqbench.zoo.glyphs import Glyphs
from ganqbench.zoo.trained_entry import TrainedEntry

IMAGES = 10_000


_BY_FEATURES = (
    "Its distances come from the feature network that judges the board, which no training has seen."
)
_BY_PIXELS = "Its figures are means over drawings that no training has seen, compared pixel by pixel."


@dataclass(frozen=True)
class Card:
    """Figures of one model, ready to be written down: name -> value, and a sheet of samples."""

    entry: ZooEntry
    figures: Mapping[str, float]
    made: Mapping[str, Any]
    """The metadata of the weights' file."""
    samples: Tensor
    columns: int
    judge: str
    """Where the figures come from, in a sentence."""

    def write(self, folder: Path) -> Path:
        """Writes `<name>.md` and `<name>.png`; returns the page's path."""
        folder.mkdir(parents=True, exist_ok=True)
        name = self.entry.name
        save_grid(self.samples.float() / 127.5 - 1, self.columns, folder / f"{name}.png", scale=2)
        config = self.made.get("config", {})
        lines = [
            f"# {name}",
            "",
            f"{self.entry.title}. Architecture `{self.entry.arch}`, "
            f"{int(self.figures['parameters']):,} parameters.",
            "",
            f"![Samples of {name}]({name}.png)",
            "",
            "| measured | |",
            "|---|---|",
            *(f"| {key} | {value:.4g} |" for key, value in self.figures.items() if key != "parameters"),
            "",
            "| made | |",
            "|---|---|",
            f"| data | {self.made.get('data_source', 'unknown')} |",
            f"| data, SHA-256 | `{self.made.get('data_fingerprint', 'unknown')}` |",
            f"| weights, SHA-256 | `{self.entry.weights_sha256}` |",
            f"| licence of the weights | {self.entry.licence} |",
            f"| seed | {config.get('seed', 'unknown')} |",
            *(f"| training, {number}. stage | {text} |" for number, text in enumerate(_stages(self.made), 1)),
            f"| settings | `{json.dumps(config, sort_keys=True)}` |",
            "",
            f"Written by `ganqbench card {name}`. {self.judge}",
            "",
        ]
        page = folder / f"{name}.md"
        page.write_text("\n".join(lines), encoding="utf-8")
        return page


def _stages(made: Mapping[str, Any]) -> list[str]:
    """How long each run was, the first one first: a later one started from what the one before left."""
    earlier = made.get("started_from")
    length = made.get("images", made.get("pairs", "unknown"))
    own = f"{made.get('cpu_hours', 'unknown')} CPU-hours, {length} images"
    return [*(_stages(earlier) if earlier else ()), own]


def cifar10_card(entry: ZooEntry, data: Path, cache: Path) -> Card:
    """A class-conditional CIFAR-10 generator against the real test images in `data`."""
    test = load_cifar10(data, "cifar10-jpeg", cache).test
    generator, figures, made = _start(entry)
    judge = Judge.of(entry, _protocol(entry))
    assert judge is not None
    assert isinstance(judge.extractor, EmbeddedExtractor)
    network, reference = judge.extractor, judge.reference
    items = Batches(entry.inputs("train"), IMAGES, 50)
    began = time.process_time()
    images = torch.cat([part for _, part in render(generator, items)])
    figures["images per CPU-second, one thread"] = len(images) / (time.process_time() - began)
    wanted = _labels(items)
    fake = network.features(images)
    real, labels = network.features(test.images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(test.labels)
    distance, floor = frechet(reference, fake), frechet(reference, real)
    agreement = (network.logits(fake).argmax(axis=1) == wanted.numpy()).mean()
    shapes = prdc(reference, fake, rng=np.random.default_rng(0))
    figures |= {
        "Fréchet distance of 10,000 samples to train": distance.value,
        "the same of the 10,000 test images": floor.value,
        "ratio of the two": distance.value / floor.value,
        "samples that the network puts into the wanted class": float(agreement),
        "test images that it puts into theirs": _accuracy(network, real, test),
        "within-class variance over that of test images": variance_ratio(
            torch.from_numpy(real), labels, torch.from_numpy(fake), wanted
        ),
        "precision": shapes["precision"].value,
        "recall": shapes["recall"].value,
    }
    order = torch.cat([(wanted == label).nonzero().flatten()[:10] for label in range(10)])
    return Card(entry, figures, made, images[order], 10, _BY_FEATURES)


def emoji_card(entry: ZooEntry) -> Card:
    """Drawings to emoji (or back) on glyphs that no training saw, against their true counterparts."""
    generator, figures, made = _start(entry)
    drawing, picture = Glyphs("final", "drawing"), Glyphs("final", "picture")
    source, true = (drawing, picture) if entry.domain == "emoji" else (picture, drawing)
    n = picture.noto  # then come drawings without a counterpart, or mirror images
    items = Batches(source, n, 32)
    began = time.process_time()
    images = torch.cat([part for _, part in render(generator, items)])
    figures["images per CPU-second, one thread"] = n / (time.process_time() - began)
    targets, inputs = ((side.batch(range(n))[0] + 1) * 127.5 for side in (true, source))
    bases = [source.cluster(item) for item in range(n)]
    translated, untouched = (
        mean_by_base((pixels - targets).abs().mean(dim=(1, 2, 3)).numpy() / 255, bases)
        for pixels in (images.float(), inputs)
    )
    figures |= {
        "L1 to the true counterpart on held-out glyphs, 0 to 1": translated,
        "the same of the untranslated input": untouched,
        "ratio of the two": translated / untouched,
    }
    rows = [part[:16].round().to(torch.uint8) for part in (inputs, images, targets)]
    return Card(entry, figures, made, torch.cat(rows), 16, _BY_PIXELS)


def card(entry: ZooEntry, data: Path | None, cache: Path) -> Card:
    """The card of a small trained model; UserError for any other, or where CIFAR-10 is needed and absent."""
    if isinstance(entry, CycleGANEmoji):
        return emoji_card(entry)
    if isinstance(entry, TrainedEntry):
        if data is None:
            raise UserError(f"The card of {entry.name} needs CIFAR-10.", "Say where it is: --data PATH.")
        try:
            return cifar10_card(entry, data, cache)
        except DataError as error:
            raise UserError(f"{error}.", "Give the folder or tar file of CIFAR-10 with --data.") from error
    raise UserError(f"{entry.name} is not a model that was trained here.", "See `ganqbench list gans`.")


def _start(entry: ZooEntry) -> tuple[torch.nn.Module, dict[str, float], dict[str, Any]]:
    content = files("ganqbench.weights").joinpath(f"{entry.name}.safetensors").read_bytes()
    made = {key: json.loads(value) for key, value in safetensors_metadata(content).items()}
    began = time.process_time()
    generator = entry.load()
    return (
        generator,
        {
            "parameters": float(sum(parameter.numel() for parameter in generator.parameters())),
            "CPU-seconds to load": time.process_time() - began,
        },
        made,
    )


def _protocol(entry: ZooEntry) -> Protocol:
    return Protocol(
        resolution=entry.resolution,
        calibrate=1,
        final=IMAGES,
        batch=50,
        preview_bytes=48_000,
        extractor="embedded",
    )


def _labels(items: Batches) -> Tensor:
    drawn = torch.cat([items.source.batch(part)[1] for part in items.indices()])
    return drawn.argmax(dim=1) if drawn.ndim == 2 else drawn


def _accuracy(network: EmbeddedExtractor, features: Any, test: ImageSet) -> float:
    return float((network.logits(features).argmax(axis=1) == test.labels).mean())
