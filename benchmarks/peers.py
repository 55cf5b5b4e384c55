"""Images per second from uint8 images to a distance, against the same network in clean-fid's manner.

    python benchmarks/peers.py --images 256 --threads 1
    python benchmarks/peers.py --images 256 --weights FOLDER   the published network, against clean-fid
    python benchmarks/peers.py --distance 2048    the distance alone, against SciPy's sqrtm

Without weights both sides run one Inception v3 of torchvision with random weights, which costs the same
arithmetic. Peers (clean-fid, torch-fidelity, torchmetrics, pytorch-fid) run a network of this kind as
published: batch norms apart, channels first, one Pillow call per channel. Times are CPU seconds.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from ganqbench.metrics.extractors import Extractor
from ganqbench.metrics.folding import fold
from ganqbench.metrics.gaussian_fit import Fit
from ganqbench.metrics.reference import Reference, moments_of

Pixels = npt.NDArray[np.uint8]


def inception_shaped() -> nn.Module:
    """Inception v3 without its head, random weights: ``[N, 3, 299, 299]`` to ``[N, 2048]``."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    network: Any = inception_v3(weights=None, aux_logits=False, init_weights=False)
    network.fc = nn.Identity()
    module: nn.Module = network.eval()
    return module


class Ours(Extractor):
    """This project's way with the network: folded, channels last, resized by two matrix products."""

    name, weights, resizer = "benchmark", "", "pil-bicubic-299"
    dim, size = 2048, 299

    def __init__(self) -> None:
        self.network = folded(inception_shaped())

    def _forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.network(((images - 128) / 128).contiguous(memory_format=torch.channels_last))
        return result


def folded(network: nn.Module) -> nn.Module:
    """torchvision's blocks are no ``Sequential``; each becomes one, so that its norm can be folded."""
    from torchvision.models.inception import BasicConv2d

    for parent in list(network.modules()):
        for name, block in list(parent.named_children()):
            if isinstance(block, BasicConv2d):
                setattr(parent, name, nn.Sequential(block.conv, block.bn, nn.ReLU()))
    return fold(network)


def peer_features(network: nn.Module, images: Pixels, batch: int = 32) -> npt.NDArray[np.float32]:
    """As clean-fid does it: each channel through Pillow, batch by batch through the network."""
    found = []
    for start in range(0, len(images), batch):
        resized = [
            [
                np.asarray(
                    Image.fromarray(channel.astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC)
                )
                for channel in image
            ]
            for image in images[start : start + batch]
        ]
        with torch.inference_mode():
            found.append(network((torch.from_numpy(np.array(resized)) - 128) / 128).numpy())
    return np.concatenate(found)


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU time of one call and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def end_to_end(count: int) -> None:
    """Random weights: both ways, in turn."""
    images = np.random.default_rng(0).integers(0, 256, (count, 3, 64, 64), dtype=np.uint8)
    ours, peer = Ours(), inception_shaped()
    ours.features(images[:32])
    peer_features(peer, images[:32])
    fast, first = cpu_seconds(lambda: ours.features(images))
    slow, second = cpu_seconds(lambda: peer_features(peer, images))
    difference = np.abs(first - second).max() / np.abs(second).max()
    print(f"ganqbench  {count / fast:7.2f} images per CPU second")
    print(f"peer's way {count / slow:7.2f} images per CPU second")
    print(f"ratio      {slow / fast:7.2f}, features agree to {difference:.1e}")


def published(count: int, weights: Path) -> None:
    """The published network: ours against clean-fid on the same images."""
    from cleanfid.inception_torchscript import InceptionV3W
    from cleanfid.resize import build_resizer

    from ganqbench.metrics.inception import InceptionExtractor

    images = np.random.default_rng(0).integers(0, 256, (count, 3, 64, 64), dtype=np.uint8)
    ours, network, resizer = (
        InceptionExtractor(weights),
        InceptionV3W(str(weights), download=False).eval(),
        build_resizer("clean"),
    )

    def theirs() -> npt.NDArray[np.float32]:
        found = []
        for start in range(0, count, 32):
            batch = [resizer(image.transpose(1, 2, 0)) for image in images[start : start + 32]]
            with torch.inference_mode():
                found.append(network(torch.from_numpy(np.array(batch)).permute(0, 3, 1, 2)).numpy())
        return np.concatenate(found)

    ours.features(images[:32])
    fast, first = cpu_seconds(lambda: ours.features(images))
    slow, second = cpu_seconds(theirs)
    difference = np.abs(first - second).max() / np.abs(second).max()
    print(f"ganqbench {count / fast:.2f}, clean-fid {count / slow:.2f} images per CPU second")
    print(f"ratio {slow / fast:.2f}, features agree to {difference:.1e}")


def distance(dim: int) -> None:
    """The distance from moments with the reference's root at hand, against SciPy's sqrtm."""
    from scipy import linalg

    rng = np.random.default_rng(0)
    scales = np.exp(-3 * np.arange(dim) / dim)
    real, fake = (rng.standard_normal((5 * dim // 2, dim)) * scales * scale for scale in (1.0, 1.1))
    reference = Reference.from_features(real)
    mean, covariance = moments_of(fake)

    def ours() -> float:
        eigenvalues = np.linalg.eigvalsh(reference.root.T @ covariance @ reference.root)
        return float(np.sqrt(eigenvalues[eigenvalues > 0]).sum())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slow, theirs = cpu_seconds(
            lambda: float(np.trace(np.asarray(linalg.sqrtm(covariance @ reference.covariance))).real)
        )
    fast, mine = cpu_seconds(ours)
    delta = mean - reference.mean
    value = float(delta @ delta + np.trace(covariance) + reference.trace - 2 * mine)
    whole, _ = cpu_seconds(lambda: Fit.of("fake", fake, reference))
    print(f"d = {dim}: sqrtm {slow:.2f} s, eigvalsh {fast:.2f} s, ratio {slow / fast:.1f}")
    print(f"trace agrees to {abs(mine - theirs) / theirs:.1e}, distance {value:.6f}, whole fit {whole:.2f} s")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--distance", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.distance:
        distance(arguments.distance)
    elif arguments.weights:
        published(arguments.images, arguments.weights)
    else:
        end_to_end(arguments.images)


if __name__ == "__main__":
    main()
