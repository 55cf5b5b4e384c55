"""Images per second from uint8 images in memory to features, beside the tools that others use.

    python benchmarks/peers.py --out docs/speed/peers.json

All run one Inception v3 of the published shape with the same random weights, on the same images, in turn,
on one thread. Peers get no file to read and no distance to compute, only what makes their features. Times
are CPU seconds, the median of the rounds. The network's shape is taken from pytorch-fid, which has to be
installed; another peer that is not is listed with the reason.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch
from figures import options, publish
from torch import Tensor, nn

from ganqbench.metrics.inception import InceptionExtractor, Pin

Pixels = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]
Run = Callable[[Pixels], Features]
BATCH, SIZE = 32, 299
SCRIPT, STATE = "inception-2015-12-05.pt", "state.pth"


def weights(folder: Path) -> dict[str, Tensor]:
    """Random weights that keep activations at their size, as a state for :data:`STATE`."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    network: Any = inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    state: dict[str, Tensor] = network.state_dict()
    torch.save(state, folder / STATE)
    return state


def published(state: dict[str, Tensor]) -> Any:
    """pytorch-fid's network with these weights; it patches torchvision's into the published shape."""
    import pytorch_fid.inception as module

    with mock.patch.object(module, "load_state_dict_from_url", return_value=state):
        return module.InceptionV3().eval()


class Script(nn.Module):
    """The outer shape of the published TorchScript file."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, images: Tensor) -> Tensor:
        """Features of normalised images."""
        result: Tensor = self.layers(images)
        return result


def script(folder: Path, state: dict[str, Tensor]) -> None:
    """Writes the network in the format that clean-fid and this project read."""
    layers = nn.Sequential(*published(state).blocks, nn.Flatten())
    with torch.no_grad():
        traced = torch.jit.trace(layers, torch.zeros(1, 3, SIZE, SIZE))  # type: ignore[no-untyped-call]
    torch.jit.save(torch.jit.script(Script(traced).eval()), folder / SCRIPT)


def batched(forward: Callable[[Pixels], Any]) -> Run:
    """Features of all images, a batch at a time."""

    def run(images: Pixels) -> Features:
        with torch.inference_mode():
            parts = [forward(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return np.concatenate([np.asarray(part).reshape(-1, 2048) for part in parts])

    return run


def ganqbench(folder: Path, state: dict[str, Tensor]) -> Run:
    """This project."""
    content = (folder / SCRIPT).read_bytes()
    pin = Pin(SCRIPT, len(content), hashlib.sha256(content).hexdigest())
    return InceptionExtractor(folder, pin).features


def clean_fid(folder: Path, state: dict[str, Tensor]) -> Run:
    """Each channel through Pillow, then the network."""
    from cleanfid.inception_torchscript import InceptionV3W
    from cleanfid.resize import build_resizer

    network, resizer = InceptionV3W(str(folder), download=False).eval(), build_resizer("clean")

    def forward(images: Pixels) -> Any:
        # As in its get_model_features: one image after another into a batch of channels first.
        sized = torch.zeros(len(images), 3, SIZE, SIZE)
        for place, image in enumerate(images):
            sized[place] = torch.tensor(resizer(image.transpose(1, 2, 0)).transpose(2, 0, 1))
        return network(sized)

    return batched(forward)


def torch_fidelity(folder: Path, state: dict[str, Tensor]) -> Run:
    """Its extractor."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception", ["2048"], str(folder / STATE))
    return batched(lambda images: network(torch.from_numpy(images))[0])


def torchmetrics(folder: Path, state: dict[str, Tensor]) -> Run:
    """The extractor of its FID, without the sums that it also makes."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    network = NoTrainInceptionV3("inception", ["2048"], str(folder / STATE))
    return batched(lambda images: network(torch.from_numpy(images)))


def pytorch_fid(folder: Path, state: dict[str, Tensor]) -> Run:
    """Its network, which resizes by itself."""
    network = published(state)
    return batched(lambda images: network(torch.from_numpy(images).float() / 255)[0])


CONTENDERS: dict[str, Callable[[Path, dict[str, Tensor]], Run]] = {
    "ganqbench": ganqbench,
    "clean-fid": clean_fid,
    "torch-fidelity": torch_fidelity,
    "torchmetrics": torchmetrics,
    "pytorch-fid": pytorch_fid,
}


def compare(count: int, rounds: int) -> dict[str, Any]:
    """Figures of every contender, by name; `agreement` is on images that nobody has to resize."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 3, 64, 64), dtype=np.uint8)
    native = rng.integers(0, 256, (min(BATCH, count), 3, SIZE, SIZE), dtype=np.uint8)
    found: dict[str, Any] = {}
    runs: dict[str, Run] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = weights(folder)
        script(folder, state)
        for tool, make in CONTENDERS.items():
            try:
                runs[tool] = make(folder, state)
            except ImportError as error:
                found[tool] = {"reason": f"not installed: {error}"}
        features = {tool: run(native) for tool, run in runs.items()}  # also warms up
        seconds: dict[str, list[float]] = {tool: [] for tool in runs}
        for _ in range(rounds):
            for tool, run in runs.items():
                started = time.process_time()
                run(images)
                seconds[tool].append(time.process_time() - started)
    own = features["ganqbench"]
    for tool, times in seconds.items():
        found[tool] = {
            "version": version(tool),
            "images_per_s": count / statistics.median(times),
            "difference": float(np.linalg.norm(features[tool] - own) / np.linalg.norm(own)),
        }
    best = max((found[tool]["images_per_s"] for tool in runs if tool != "ganqbench"), default=float("nan"))
    return {"tools": found, "ratio_to_best_peer": found["ganqbench"]["images_per_s"] / best}


def main(arguments: list[str]) -> None:
    """Print the figures and write them."""
    parser = options(__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        figures = compare(chosen.images, chosen.rounds)
    publish(__file__, arguments, chosen, {"images": chosen.images, "figures": figures})


if __name__ == "__main__":
    main(sys.argv[1:])
