"""What evaluating a cell costs besides its forward passes: seconds.

    python benchmarks/overhead.py --out docs/speed/overhead.json

One cell from calibration to the metrics of its record, all on one thread, in CPU seconds. Its network
for distances has the shape of Inception v3. Running that on all images, full precision and quantized, would
take half an hour; so its seconds per image are measured on a few, and in the cell a cheap stand-in makes
features of the same shape. The generator is next to nothing, so that the share of the rest is larger than in
any real cell. Pairs of images are compared by the embedded network, as beside Inception, and that counts as
the rest.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import numpy as np
import torch
from figures import options, publish
from peers import BATCH, SCRIPT, SIZE, Script, weights
from torch import Tensor, nn

from ganqbench.adapter import Adapter, Method
from ganqbench.cell import Bits, Cell
from ganqbench.harness.baselines import Baselines
from ganqbench.harness.judge import Judge
from ganqbench.harness.measure import measure
from ganqbench.harness.parts import whole
from ganqbench.harness.phases import Phases
from ganqbench.metrics.extractors import EmbeddedExtractor, Extractor
from ganqbench.metrics.inception import InceptionExtractor, Pin
from ganqbench.metrics.reference import Reference
from ganqbench.protocol import Protocol
from ganqbench.zoo.generator import Generator, Inputs, InputSource, Split, ZooEntry

REAL = 5000
"""Images that the reference is made of, at most."""
PIXELS = 64


class Standin(Extractor):
    """Features of the right shape at next to no cost: one random layer over a few averaged pixels."""

    name, weights, resizer = "stand-in", "0" * 64, "pil-bicubic"

    def __init__(self, dim: int, size: int) -> None:
        self.dim, self.size, self.seconds = dim, size, 0.0
        self.matrix = torch.randn(192, dim, generator=torch.Generator().manual_seed(1)) / 500

    def _forward(self, images: Tensor) -> Tensor:
        started = time.process_time()
        pixels = nn.functional.adaptive_avg_pool2d(images - 128, 8).flatten(1)
        result = (pixels @ self.matrix).relu()
        self.seconds += time.process_time() - started
        return result


class Latents(InputSource):
    """Random latents of few levels, which any claim of eight bits holds for."""

    identity = "latents"

    def batch(self, indices: Sequence[int]) -> Inputs:
        """One seeded latent for each item."""
        rows = [np.random.default_rng(index).integers(-64, 64, (3, 8, 8)) for index in indices]
        return (torch.from_numpy(np.stack(rows)).float() / 64,)

    def cluster(self, index: int) -> str:
        """Each item stands for itself."""
        return str(index)


class Upsampler(Generator):
    """One transposed convolution from latents to images."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.ConvTranspose2d(3, 3, PIXELS // 8, stride=PIXELS // 8)
        self.seconds = 0.0

    def forward(self, latents: Tensor) -> Tensor:
        """Images in [-1, 1]."""
        started = time.process_time()
        result: Tensor = torch.tanh(2 * self.layer(latents))
        self.seconds += time.process_time() - started
        return result


class Entry(ZooEntry):
    """The upsampler as a GAN."""

    name = title = arch = "upsampler"
    resolution, domain, licence, weights_sha256 = PIXELS, "none", "none", ""

    def __init__(self) -> None:
        self.generator = Upsampler()

    def load(self) -> Generator:
        """The generator."""
        return self.generator

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        """Latents."""
        return Latents()


class Rounding(Adapter):
    """Rounds weights; latents have few levels already."""

    name: ClassVar[str] = "rounding"
    requires: ClassVar[tuple[str, ...]] = ()
    methods: ClassVar[dict[str, Method]] = {"nearest": Method("Nearest", "ptq", "none")}

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """The generator with weights on a grid."""
        weight = next(generator.parameters()).data
        step = weight.abs().max() / 7
        weight.copy_((weight / step).round() * step)
        return generator


def evaluate(n: int, extractor: Standin, pairs: EmbeddedExtractor | None = None) -> dict[str, Any]:
    """Seconds of a cell of `n` images without its forward passes, by phase with them."""
    rows = torch.randn(min(n, REAL), 192, generator=torch.Generator().manual_seed(2)) * 40
    real = (rows @ extractor.matrix).relu().numpy()
    judge = Judge(extractor, Reference.from_features(real).keeping(real), pairs)
    entry, phases = Entry(), Phases()
    cell = Cell(
        suite="overhead", suite_version=0, gan=entry.name, adapter="rounding", method="nearest",
        bits=Bits(4, 8), seed=0,
    )  # fmt: skip
    protocol = Protocol(resolution=PIXELS, calibrate=BATCH, final=n, batch=BATCH, preview_bytes=48_000)
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Judge, "of", return_value=judge):
        extractor.seconds, started = 0.0, time.process_time()
        baselines, unfinished = Baselines(Path(folder), "key"), Path(folder, "unfinished")
        part = measure(cell, entry, Rounding(), protocol, baselines, phases, unfinished)
        with phases("metrics"):
            made = whole(
                part.evaluation, [part.baseline_features], [part.shown], part.images, is_baseline=False
            )
        total = time.process_time() - started
    forward = extractor.seconds + 2 * entry.generator.seconds
    phase_seconds = {name: seconds for name, (_, seconds) in phases.seconds.items()}
    return {"seconds": total - forward, "phases": phase_seconds, "metrics": sorted(made.metrics)}


def inception_seconds(count: int) -> float:
    """CPU seconds per image of a network of Inception's shape with random weights, in full batches."""
    from torchvision.models import inception_v3

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network: Any = inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
        network.load_state_dict(weights(folder))
        network.fc = nn.Identity()
        with torch.no_grad():
            example = torch.zeros(1, 3, SIZE, SIZE)
            traced = torch.jit.trace(network.eval(), example)  # type: ignore[no-untyped-call]
        torch.jit.save(torch.jit.script(Script(traced).eval()), folder / SCRIPT)
        content = (folder / SCRIPT).read_bytes()
        extractor = InceptionExtractor(folder, Pin(SCRIPT, len(content), hashlib.sha256(content).hexdigest()))
    count = -(-count // BATCH) * BATCH  # a short batch is padded, and costs as much
    images = np.random.default_rng(0).integers(0, 256, (count, 3, SIZE, SIZE), dtype=np.uint8)
    extractor.features(images[:BATCH])
    started = time.process_time()
    extractor.features(images)  # no resizing, which is no forward pass
    return (time.process_time() - started) / count


def times(n: int, sample: int) -> dict[str, Any]:
    """How the seconds of a cell with Inception divide."""
    per_image = inception_seconds(sample)
    rest = evaluate(n, Standin(2048, SIZE), EmbeddedExtractor())
    forward = 2 * n * per_image
    return {
        "images": n,
        "sample": sample,
        "forward_s": forward,
        "rest_s": rest["seconds"],
        "share": rest["seconds"] / (rest["seconds"] + forward),
        "phases": rest["phases"],
        "metrics": rest["metrics"],
    }


def main(arguments: list[str]) -> None:
    """Print the figures and write them."""
    parser = options(__doc__)
    parser.add_argument("--images", type=int, default=5000, help="of the cell")
    parser.add_argument("--sample", type=int, default=64, help="images that Inception's seconds are taken on")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # TorchScript is deprecated
    publish(__file__, arguments, chosen, {"time": times(chosen.images, chosen.sample)})


if __name__ == "__main__":
    main(sys.argv[1:])
