"""Trains the CIFAR-10 classifiers: seeded, resumable, one configuration per network."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from ganqbench.train.augment import alternating_flip, degrade, random_crop
from ganqbench.train.checkpoint import append_log, fingerprint, load_state, save_state
from ganqbench.train.data import Cifar10, ImageSet
from ganqbench.train.run import SAVE_SECONDS, OtherConfiguration
from ganqbench.train.start import of_this_network
from ganqbench.zoo.classifier import Classifier, WhitenedNet, build_classifier, load_trained


@dataclass(frozen=True)
class ClassifierConfig:
    """What one network's training consists of.

    Learning rates are for the mean loss: up over ``warmup_epochs``, level, then down over the last
    ``decay_epochs`` (a run of another length shares its past with this one). ``noise`` is in [-1, 1]
    units. The first ``small_epochs`` see images of ``small_size`` pixels, which cost half as much.
    """

    network: str
    seed: int
    epochs: int
    batch: int = 256
    learning_rate: float = 0.25
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_epochs: float = 2.4
    decay_epochs: float = 5.0
    label_smoothing: float = 0.1
    crop_padding: int = 3
    noise: float = 0.0
    noise_share: float = 0.0
    blur_share: float = 0.0
    small_epochs: int = 0
    small_size: int = 24


CONFIGS: Mapping[str, ClassifierConfig] = {
    "teacher": ClassifierConfig(
        "teacher",
        seed=101,
        epochs=6,
        label_smoothing=0.2,
        crop_padding=2,
        warmup_epochs=1.6,
        decay_epochs=3.83,
    ),
    "tutor": ClassifierConfig(
        "tutor",
        seed=404,
        epochs=9,
        decay_epochs=6.0,
        noise=2 * 8 / 255,
        noise_share=0.4,
        blur_share=0.2,
        small_epochs=3,
    ),
    "metric": ClassifierConfig(
        "metric",
        seed=202,
        epochs=16,
        decay_epochs=7.0,
        noise=2 * 8 / 255,
        noise_share=0.5,
        blur_share=0.25,
        small_epochs=9,
    ),
    "third": ClassifierConfig("third", seed=303, epochs=12, small_epochs=4),
}

REFINEMENTS: Mapping[str, ClassifierConfig] = {
    # Degraded ever less often: that the network overlooks fine noise it knows by now.
    "metric": replace(
        CONFIGS["metric"],
        seed=222,
        epochs=8,
        small_epochs=0,
        learning_rate=0.12,
        warmup_epochs=0.3,
        decay_epochs=7.7,
        crop_padding=4,
        noise_share=0.1,
        blur_share=0.1,
    ),
}
"""What a trained network goes on with."""


def to_unit(pixels: Tensor) -> Tensor:
    """uint8 ``[N, H, W, 3]`` to float32 ``[N, 3, H, W]`` in [-1, 1], channels last in memory."""
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def train_classifier(
    config: ClassifierConfig,
    data: Cifar10,
    out: Path,
    save_seconds: float = SAVE_SECONDS,
    replan: bool = False,
    init: Mapping[str, Tensor] | None = None,
) -> Classifier:
    """Trains from ``out/checkpoint.pt`` where there is one, and returns the finished network.

    ``init`` are weights to go on from, those of an earlier training of the same network.

    An interrupted run ends in the same weights as an uninterrupted one with as many threads. With
    ``replan`` a run may go on under another configuration; what it was until then is recorded.
    """
    torch.manual_seed(config.seed)  # initialisation only; the rest draws from rng
    network = build_classifier(config.network)
    if init is not None:
        with of_this_network():
            load_trained(network, init)
    rng = torch.Generator().manual_seed(config.seed)
    pixels, labels = torch.from_numpy(data.train.images), torch.from_numpy(data.train.labels)
    if init is None and isinstance(network, WhitenedNet):
        network.set_whitening(to_unit(pixels[:5000]))
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        [p for p in network.parameters() if p.requires_grad],
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=True,
    )
    start = None if init is None else fingerprint(init)
    step, spent = 0, 0.0
    history: list[dict[str, object]] = []
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = load_state(checkpoint)
        history = state["history"]
        if state.get("init", start) != start:  # a checkpoint of before doesn't say
            raise OtherConfiguration(checkpoint)
        if state["config"] != asdict(config):
            if not replan:
                raise OtherConfiguration(checkpoint)
            history = [*history, {"until_step": state["step"], "config": state["config"]}]
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        rng.set_state(state["rng"])
        step, spent = state["step"], state["cpu_seconds"]
    per_epoch = math.ceil(len(labels) / config.batch)
    total = per_epoch * config.epochs
    began, saved = time.process_time() - spent, time.monotonic()

    def save() -> None:
        state = {
            "config": asdict(config),
            "init": start,
            "history": history,
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "rng": rng.get_state(),
            "step": step,
            "cpu_seconds": time.process_time() - began,
        }
        save_state(checkpoint, state)

    bar = tqdm(total=total, initial=step, desc=config.network, mininterval=5)
    network.train()
    while step < total:
        epoch, position = divmod(step, per_epoch)
        picked = _epoch_order(config, len(labels), epoch)[
            position * config.batch : (position + 1) * config.batch
        ]
        loss = _loss(network, _batch(config, pixels, picked, epoch, rng), labels[picked], config)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step / per_epoch, config)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        bar.update()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if time.monotonic() - saved > save_seconds:
            save()
            saved = time.monotonic()
        if step % per_epoch == 0:
            row = {"epoch": epoch + 1, "loss": loss.item(), "cpu": time.process_time() - began}
            append_log(out / "log.jsonl", row)
    bar.close()
    save()
    network.eval()
    return network


def _epoch_order(config: ClassifierConfig, n: int, epoch: int) -> Tensor:
    # Drawn from (seed, epoch) alone, so that a resumed run finds its place without stored indices.
    return torch.randperm(n, generator=torch.Generator().manual_seed(config.seed * 1000 + epoch))


def _batch(
    config: ClassifierConfig, pixels: Tensor, picked: Tensor, epoch: int, rng: torch.Generator
) -> Tensor:
    images = alternating_flip(to_unit(pixels[picked]), picked, epoch, config.seed)
    images = random_crop(images, config.crop_padding, rng)
    if config.noise_share or config.blur_share:
        images = degrade(images, config.noise, config.noise_share, config.blur_share, rng)
    if epoch < config.small_epochs:
        images = F.interpolate(images, config.small_size, mode="bilinear", antialias=True)
    return images.contiguous(memory_format=torch.channels_last)


def _loss(network: nn.Module, images: Tensor, labels: Tensor, config: ClassifierConfig) -> Tensor:
    return F.cross_entropy(network(images), labels, label_smoothing=config.label_smoothing)


def _schedule(epoch: float, config: ClassifierConfig) -> float:
    """Share of the full learning rate at a (fractional) epoch."""
    if epoch < config.warmup_epochs:
        return 0.1 + 0.9 * epoch / config.warmup_epochs
    return min(1.0, max(0.002, (config.epochs - epoch) / config.decay_epochs))


@torch.inference_mode()
def accuracy(network: Classifier, images: ImageSet, flip: bool = False, batch: int = 500) -> float:
    """Share of ``images`` classified right; with ``flip`` scores are averaged over both mirrors."""
    network.eval()
    pixels, right = torch.from_numpy(images.images), 0
    for start in range(0, len(images), batch):
        unit = to_unit(pixels[start : start + batch])
        scores = network(unit)
        if flip:
            scores = scores + network(unit.flip(3))
        labels = torch.from_numpy(images.labels[start : start + batch])
        right += int((scores.argmax(1) == labels).sum())
    return right / len(images)
