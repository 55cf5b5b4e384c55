"""The training loop of the class-conditional CIFAR-10 GANs.

One discriminator step and one generator step per batch, on the same fakes; the teacher sees each
fake once for both. The best average is kept by the Fréchet distance in the teacher's features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from ganqbench.train.checkpoint import (
    describe_weights,
    export_weights,
    fingerprint,
    load_state,
    save_state,
)
from ganqbench.train.classifier import to_unit
from ganqbench.train.data import Cifar10
from ganqbench.train.diffaugment import augment
from ganqbench.train.distance import features_of, frechet, moments, variance_ratio
from ganqbench.train.ema import Ema
from ganqbench.train.gan_recipe import GanConfig, GanRecipe, Loss, MatchConfig, draw_inputs
from ganqbench.train.grid import save_grid
from ganqbench.train.projected import ProjectedDiscriminator
from ganqbench.train.run import OtherConfiguration, Run, Stateful
from ganqbench.zoo.classifier import Classifier


def identity(config: GanConfig | MatchConfig, init: Mapping[str, Tensor] | None) -> dict[str, object]:
    """Settings and start of a run: going on from another one's would be told of as this one's."""
    return asdict(config) | ({} if init is None else {"init": fingerprint(init)})


def critic_loss(kind: Loss, real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss of scores ``[N]``."""
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(kind: Loss, fake: Tensor) -> Tensor:
    """The generator's loss of scores ``[N]``."""
    return -fake.mean() if kind == "hinge" else F.softplus(-fake).mean()


class Training:
    """Networks, optimizers and data of one run."""

    def __init__(
        self,
        recipe: GanRecipe,
        data: Cifar10,
        teacher: Classifier,
        out: Path,
        init: Mapping[str, Tensor] | None = None,
    ) -> None:
        config = recipe.config
        torch.manual_seed(config.seed)  # initialisation, and noise drawn inside a generator
        self.recipe, self.config, self.teacher = recipe, config, teacher
        self.rng = torch.Generator().manual_seed(config.seed)
        self.pixels = torch.from_numpy(data.train.images)
        self.labels = torch.from_numpy(data.train.labels)
        self.generator = recipe.training(init).train()
        self.critic = ProjectedDiscriminator(
            teacher,
            widths=config.pixel_widths,
            head_width=config.head_width,
            attention=config.attention,
            minibatch_deviation=config.minibatch_deviation,
        )
        self.critic.calibrate(to_unit(self.pixels[:: max(1, len(self.pixels) // 500)]))
        for network in (self.generator, self.critic, teacher):
            network.to(memory_format=torch.channels_last)
        betas = (0.0, config.beta2)
        groups = recipe.parameter_groups(self.generator, config.learning_rate_g)
        for group in groups:
            group["full_lr"] = group["lr"]
        self.opt_g = torch.optim.Adam(groups, betas=betas)
        self.opt_d = torch.optim.Adam(self.critic.parameters(), config.learning_rate_d, betas)
        average = recipe.shipped()
        average.load_state_dict(dict(recipe.deployed(self.generator)))
        self.ema = Ema(average, recipe.deployed, config.ema)
        if init is not None:
            self.ema.updates = 1000  # a warm start's average is one already: keep it
        parts: dict[str, Stateful] = {
            "generator": self.generator,
            "critic": self.critic,
            "opt_g": self.opt_g,
            "opt_d": self.opt_d,
            "ema": self.ema,
        }
        self.run = Run(out, identity(config, init), parts, self.rng)

    def step(self) -> tuple[float, float]:
        """One batch; returns the discriminator's and the generator's loss (0 where it took no step)."""
        config = self.config
        self._set_rates()
        picked = torch.randint(0, len(self.labels), (config.batch,), generator=self.rng)
        real, labels = to_unit(self.pixels[picked]), self.labels[picked]
        flip = torch.rand(config.batch, 1, 1, 1, generator=self.rng) < 0.5
        real = self._augment(torch.where(flip, real.flip(3), real))
        z, wanted = draw_inputs(config.batch, self.recipe.z_dim, self.rng)
        steps = self.run.done // config.batch
        learns = steps >= config.head_start and steps % config.critic_steps == 0
        with torch.set_grad_enabled(learns):
            fake = self._augment(self.recipe.generate(self.generator, z, wanted, self.rng))
            fake_maps = self.critic.maps(fake)
        with torch.no_grad():
            real_maps = self.critic.maps(real)

        self.critic.requires_grad_(True)
        both = [torch.cat([r, f.detach()]) for r, f in zip(real_maps, fake_maps, strict=True)]
        scores = self.critic(torch.cat([real, fake.detach()]), both, torch.cat([labels, wanted]))
        losses = [critic_loss(config.loss, *score.chunk(2)) for score in scores]
        loss_d = self._weigh(losses)
        if config.r1 and steps % config.r1_every == 0:
            loss_d = loss_d + config.r1 * config.r1_every / 2 * self._gradient_penalty(real, labels)
        self.opt_d.zero_grad(set_to_none=True)
        loss_d.backward()  # type: ignore[no-untyped-call]
        self.opt_d.step()
        self.run.done += config.batch
        if not learns:
            return loss_d.item(), 0.0

        self.critic.requires_grad_(False)
        scores = self.critic(fake, fake_maps, wanted)
        loss_g = self._weigh([generator_loss(config.loss, score) for score in scores])
        self.opt_g.zero_grad(set_to_none=True)
        loss_g.backward()  # type: ignore[no-untyped-call]
        self.opt_g.step()
        late = self.run.done > config.decay_from * config.images
        self.ema.update(self.generator, config.ema_late if late else config.ema)
        return loss_d.item(), loss_g.item()

    def _augment(self, images: Tensor) -> Tensor:
        changed = augment(images, self.rng, shift=self.config.shift, colour=self.config.colour)
        return changed.contiguous(memory_format=torch.channels_last)

    def _weigh(self, losses: list[Tensor]) -> Tensor:
        return losses[0] + self.config.head_weight * torch.stack(losses[1:]).sum()

    def _gradient_penalty(self, real: Tensor, labels: Tensor) -> Tensor:
        """R1 (Mescheder et al. 2018) of the pixel network; the heads are bounded by spectral norm."""
        images = real.detach().requires_grad_(True)
        score = self.critic.pixels(images, labels).sum()
        (gradient,) = torch.autograd.grad(score, images, create_graph=True)
        return gradient.square().sum(dim=(1, 2, 3)).mean()

    def _set_rates(self) -> None:
        left = 1 - self.run.done / self.config.images
        factor = min(1.0, left / (1 - self.config.decay_from) + 0.02)
        for group in self.opt_g.param_groups:
            group["lr"] = group["full_lr"] * factor
        for group in self.opt_d.param_groups:
            group["lr"] = self.config.learning_rate_d * factor


@torch.inference_mode()
def sample(recipe: GanRecipe, generator: nn.Module, z: Tensor, labels: Tensor, batch: int = 250) -> Tensor:
    """Images ``[N, 3, H, W]`` of all inputs, in batches, clamped to [-1, 1]."""
    parts = zip(torch.split(z, batch), torch.split(labels, batch), strict=True)
    return torch.cat([recipe.generate(generator, *part, None).clamp(-1, 1) for part in parts])


class Gauge:
    """Measures averages in the features of the networks that may steer, always with the same latents."""

    def __init__(self, recipe: GanRecipe, data: Cifar10, eyes: Mapping[str, Classifier], n: int) -> None:
        self.recipe, self.eyes = recipe, eyes
        rows = slice(None, None, max(1, len(data.train) // 10_000))
        self.labels = torch.from_numpy(data.train.labels[rows])
        pixels = torch.split(torch.from_numpy(data.train.images[rows]), 500)
        self.features = {
            name: torch.cat([features_of(eye, to_unit(part)) for part in pixels])
            for name, eye in eyes.items()
        }
        self.moments = {name: moments(features) for name, features in self.features.items()}
        rng = torch.Generator().manual_seed(10_000 + recipe.config.seed)
        self.z, self.wanted = draw_inputs(n, recipe.z_dim, rng)
        rng = torch.Generator().manual_seed(recipe.config.seed)
        self.shown, _ = draw_inputs(100, recipe.z_dim, rng)

    def measure(self, generator: nn.Module) -> dict[str, float]:
        """For each network: distance, share of images in the wanted class, and variety within classes.

        `distance` is the mean over networks of the distance in units of the data's own variance.
        """
        images = sample(self.recipe, generator, self.z, self.wanted)
        result: dict[str, float] = {}
        shares = []
        for name, eye in self.eyes.items():
            with torch.inference_mode():
                features = features_of(eye, images)
                right = (eye.logits_from(features).argmax(1) == self.wanted).float().mean()
            distance = frechet(self.moments[name], moments(features))
            spread = variance_ratio(self.features[name], self.labels, features, self.wanted)
            result |= {f"{name}_fd": distance, f"{name}_accuracy": float(right)}
            result[f"{name}_variance_ratio"] = spread
            shares.append(distance / float(self.moments[name].covariance.trace()))
        return {"distance": sum(shares) / len(shares), **result}

    def follow(self, run: Run, average: nn.Module, images: int, **losses: float) -> None:
        """Measures a run's average after so many images, keeps the best one, and saves the run.

        Leaves a line in its log, ``best.pt``, and a sheet of ten samples of each class.
        """
        measured = self.measure(average)
        run.log(**losses, **measured)
        if measured["distance"] < run.best:
            run.best = measured["distance"]
            state = {"weights": average.state_dict(), "done": images, "cpu_seconds": run.cpu_seconds}
            save_state(run.out / "best.pt", {**state, **measured})
        sheet = sample(self.recipe, average, self.shown, torch.arange(10).repeat_interleave(10))
        save_grid(sheet, 10, run.out / "samples" / f"{run.done:08d}.png", scale=2)
        run.save()


def train_gan(
    recipe: GanRecipe,
    data: Cifar10,
    teacher: Classifier,
    out: Path,
    init: Mapping[str, Tensor] | None = None,
) -> None:
    """Trains from ``out/checkpoint.pt`` where there is one; leaves ``best.pt`` and sample sheets."""
    training = Training(recipe, data, teacher, out, init)
    run, config = training.run, recipe.config
    run.resume()
    gauge = Gauge(recipe, data, {"teacher": teacher}, config.evaluate_images)
    bar = tqdm(total=config.images, initial=run.done, desc=config.network, mininterval=5)
    while run.done < config.images:
        loss_d, loss_g = training.step()
        if not math.isfinite(loss_d + loss_g):
            raise RuntimeError(f"the losses are no longer finite after {run.done} images")
        bar.update(config.batch)
        bar.set_postfix(d=f"{loss_d:.3f}", g=f"{loss_g:.3f}", refresh=False)
        if run.done % config.evaluate_every < config.batch or run.done >= config.images:
            gauge.follow(run, training.ema.average, run.done, loss_d=loss_d, loss_g=loss_g)
        run.save_if_due()
    bar.close()


def publish_gan(
    recipe: GanRecipe,
    config: GanConfig | MatchConfig,
    data: Cifar10,
    eyes: Mapping[str, Classifier],
    out: Path,
    path: Path,
    init: Path | None = None,
) -> None:
    """Writes the best average with what the networks that steer measure on 10,000 of its images.

    `config` is that of the run in `out`, and `init` the file that the run started from: its name for
    itself goes on in the new one's metadata. Raises OtherConfiguration if the run says otherwise.
    """
    checkpoint = out / "checkpoint.pt"
    if load_state(checkpoint)["config"] != identity(config, None if init is None else load_file(init)):
        raise OtherConfiguration(checkpoint)
    best = load_state(out / "best.pt")
    generator = recipe.shipped().eval()
    generator.load_state_dict(best["weights"])
    measured = Gauge(recipe, data, eyes, 10_000).measure(generator)
    export_weights(
        path,
        {k: v for k, v in best["weights"].items() if not k.endswith("num_batches_tracked")},
        {
            "network": config.network,
            "arguments": recipe.arguments,
            "config": asdict(config),
            "data_source": data.train.source,
            "data_fingerprint": data.fingerprint,
            "images": best["done"],
            "cpu_hours": round(best["cpu_seconds"] / 3600, 3),
            "started_from": None if init is None else describe_weights(init),
            **measured,
        },
    )
