"""A trained GAN's last phase: moments of its features are brought to those of the data, without a critic.

A discriminator of this size ends with the generator circling the data; what is left of the distance
then lies in means and covariances, which can be followed directly (see transport.py). The generator
trains in the form that ships: spectral norm folded, batch norms at their running statistics.

Features are those of *teacher* and *tutor*, of coarse colours and of fine contrast; the networks that
judge have no part in this. Two networks of different make, since what pleases one alone is often a
pattern that only it sees.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from ganqbench.train.classifier import to_unit
from ganqbench.train.data import Cifar10
from ganqbench.train.ema import Ema
from ganqbench.train.gan import Gauge, identity
from ganqbench.train.gan_recipe import GanRecipe, MatchConfig, draw_inputs
from ganqbench.train.run import Run, Stateful
from ganqbench.train.start import start_from
from ganqbench.train.transport import Transport
from ganqbench.zoo.classifier import Classifier

_RANGE_WEIGHT = 5.0
"""Of the mean square that images exceed [-1, 1] by: what is cut off there would get no gradient."""


def descriptors(eyes: Iterable[Classifier], images: Tensor) -> list[tuple[float, Tensor]]:
    """Weights and feature vectors [N, d_k] of images [N, 3, 32, 32] in [-1, 1].

    Colours of 4x4 cells; the size of what a 3x3 mean takes away, by colour and by cell; the mean and
    the deviation over positions of each network's maps; and each network's own pooled features.
    """
    fine = (images - F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), 3, 1)).abs()
    by_cell = F.adaptive_avg_pool2d(fine.mean(dim=1, keepdim=True), 4).flatten(1)
    kinds = [
        (1.0, F.adaptive_avg_pool2d(images, 4).flatten(1)),
        (1.0, torch.cat([fine.mean(dim=(2, 3)), by_cell], dim=1)),
    ]
    shown = images.contiguous(memory_format=torch.channels_last)
    for eye in eyes:
        maps = eye.stages(shown)
        for each in maps:
            kinds.append((1.0, each.mean(dim=(2, 3))))
            kinds.append((0.5, (each.var(dim=(2, 3)) + 1e-4).sqrt()))
        kinds.append((3.0, eye.pool(maps[-1])))
    return kinds


class Matching:
    """The generator, the data's moments and the optimizer of one run."""

    def __init__(
        self,
        recipe: GanRecipe,
        config: MatchConfig,
        data: Cifar10,
        eyes: Mapping[str, Classifier],
        out: Path,
        init: Mapping[str, Tensor],
    ) -> None:
        """``init`` are shipped weights; ``out`` is the folder of checkpoint, log and sample sheets."""
        self.recipe, self.config, self.eyes = recipe, config, eyes
        for eye in eyes.values():
            eye.to(memory_format=torch.channels_last)
        self.rng = torch.Generator().manual_seed(config.seed)
        self.generator = recipe.shipped()
        start_from(self.generator, init)
        self.generator.eval()
        self.transports = self._of_data(data)
        groups = recipe.parameter_groups(self.generator, config.learning_rate)
        for group in groups:
            group["full_lr"] = group["lr"]
        # Momentum would be one more delay between the moments and the step that answers them.
        self.optimizer = torch.optim.Adam(groups, betas=(0.0, 0.99))
        self.ema = Ema(self.generator, lambda generator: generator.state_dict(), config.ema)
        parts: dict[str, Stateful] = {
            "generator": self.generator,
            "optimizer": self.optimizer,
            "ema": self.ema,
            **{f"transport.{k}": each for k, each in enumerate(self.transports)},
        }
        self.run = Run(out, identity(config, init), parts, self.rng)

    @torch.no_grad()
    def _of_data(self, data: Cifar10) -> list[Transport]:
        picked = torch.randperm(len(data.train), generator=self.rng)[: self.config.real_images]
        labels = torch.from_numpy(data.train.labels)[picked]
        rows = []
        for part in torch.split(picked, 500):
            images = to_unit(torch.from_numpy(data.train.images)[part])
            flip = torch.rand(len(part), 1, 1, 1, generator=self.rng) < 0.5
            shown = torch.where(flip, images.flip(3), images)
            rows.append([features for _, features in descriptors(self.eyes.values(), shown)])
        return [Transport(torch.cat(kind), labels, self.config.memory) for kind in zip(*rows, strict=True)]

    def fill(self) -> None:
        """Shows the transports as many fakes as they remember."""
        with torch.no_grad():
            while not self.transports[0].filled:
                _, kinds, labels = self._fakes()
                self._remember(kinds, labels)

    def step(self) -> float:
        """One batch; returns the loss."""
        done, config = self.run.done, self.config
        factor = min(1.0, (done + 1) / config.warm_steps)
        factor *= 0.5 * (1 + math.cos(math.pi * done / config.steps)) + 0.01
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_lr"] * factor
        excess, kinds, labels = self._fakes()
        loss = _RANGE_WEIGHT * excess
        for (weight, features), transport in zip(kinds, self.transports, strict=True):
            loss = loss + weight * transport.loss(features, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self._remember(kinds, labels)
        self.ema.update(self.generator)
        self.run.done += 1
        return loss.item()

    def _fakes(self) -> tuple[Tensor, list[tuple[float, Tensor]], Tensor]:
        z, labels = draw_inputs(self.config.batch, self.recipe.z_dim, self.rng)
        images = self.recipe.generate(self.generator, z, labels, None)
        shown = images.clamp(-1, 1)
        return (images - shown).square().mean(), descriptors(self.eyes.values(), shown), labels

    def _remember(self, kinds: Sequence[tuple[float, Tensor]], labels: Tensor) -> None:
        for (_, features), transport in zip(kinds, self.transports, strict=True):
            transport.remember(features, labels)


def match_gan(matching: Matching, data: Cifar10) -> None:
    """Runs from its checkpoint where there is one; leaves ``best.pt`` and sample sheets in its folder.

    The best average is kept by the Fréchet distances in the networks that steer.
    """
    run, config = matching.run, matching.config
    if not run.resume():
        matching.fill()
    gauge = Gauge(matching.recipe, data, matching.eyes, config.evaluate_images)
    bar = tqdm(total=config.steps, initial=run.done, desc=config.network, mininterval=5)
    while run.done < config.steps:
        loss = matching.step()
        if not math.isfinite(loss):
            raise RuntimeError(f"the loss is no longer finite after {run.done} steps")
        bar.update()
        bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if run.done % config.evaluate_every == 0 or run.done == config.steps:
            gauge.follow(run, matching.ema.average, run.done * config.batch, loss=loss)
        run.save_if_due()
    bar.close()
