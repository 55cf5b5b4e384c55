"""Trains the edges <-> emoji CycleGAN (Zhu et al. 2017) at 64 pixels, unpaired.

Drawings come from one half of the base glyphs and pictures from the other. The best average is
chosen by the L1 of translated drawings to their true pictures on that first half: those pictures are
never seen by any network here, and the held-out glyphs stay untouched until the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
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
from ganqbench.train.ema import Ema
from ganqbench.train.emoji import EmojiSplit, Glyphs, mean_by_base
from ganqbench.train.grid import save_grid
from ganqbench.train.patchgan import FakePool, patch_discriminator
from ganqbench.train.run import OtherConfiguration, Run
from ganqbench.train.start import start_from
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.edges import edge_drawing

DIRECTIONS = ("edges2emoji", "emoji2edges")
Start = Mapping[str, Mapping[str, Tensor]]
"""Weights of each direction."""


@dataclass(frozen=True)
class CycleGanConfig:
    """Everything that decides the trained weights; ``pairs`` is the length of the run."""

    seed: int = 404
    pairs: int = 50_000
    batch: int = 4
    ngf: int = 16
    blocks: int = 6
    ndf: int = 32
    learning_rate: float = 3e-4
    beta1: float = 0.5
    cycle_weight: float = 10.0
    pool: int = 50
    ema: float = 0.998
    evaluate_every: int = 2_000


def _identity(config: CycleGanConfig, init: Start | None) -> dict[str, object]:
    """Settings and start of a run: going on from another one's would be told of as this one's."""
    if not init:
        return asdict(config)
    both = {f"{name}.{key}": value for name, weights in init.items() for key, value in weights.items()}
    return {**asdict(config), "init": fingerprint(both)}


class Sampler:
    """Draws glyphs so that every base glyph is as likely, however many variants it has."""

    def __init__(self, images: Tensor, bases: tuple[str, ...]) -> None:
        groups: dict[str, list[int]] = {}
        for row, base in enumerate(bases):
            groups.setdefault(base, []).append(row)
        self.images, self.groups = images, list(groups.values())

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """``[n, 3, H, W]`` in [-1, 1], each mirrored with probability one half."""
        rows = []
        for group in torch.randint(0, len(self.groups), (n,), generator=rng).tolist():
            variants = self.groups[group]
            rows.append(variants[int(torch.randint(0, len(variants), (), generator=rng))])
        images = self.images[rows]
        mirrored = torch.rand(n, 1, 1, 1, generator=rng) < 0.5
        return torch.where(mirrored, images.flip(3), images)


def pictures(glyphs: Glyphs) -> Tensor:
    """Pictures as ``[N, 3, H, W]`` float in [-1, 1]."""
    return torch.from_numpy(glyphs.images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def drawings(glyphs: Glyphs) -> Tensor:
    """Edge drawings as ``[N, 3, H, W]`` float in [-1, 1], three equal channels."""
    ink = torch.from_numpy(edge_drawing(glyphs.images)).unsqueeze(1).float().div_(127.5).sub_(1)
    return ink.expand(-1, 3, -1, -1).contiguous()


def new_generator(config: CycleGanConfig) -> ResnetGenerator:
    """A generator with the paper's initialisation (normal, deviation 0.02)."""
    generator = ResnetGenerator(ngf=config.ngf, n_blocks=config.blocks)
    for module in generator.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
    return generator


@torch.inference_mode()
def translation_l1(generator: nn.Module | None, glyphs: Glyphs) -> float:
    """L1 (on the [0, 1] scale) of translated drawings to the true pictures, base glyphs weighing alike.

    Without a generator: that of the untranslated drawings.
    """
    inputs, targets = drawings(glyphs), pictures(glyphs)
    parts = torch.split(inputs, 64)
    outputs = torch.cat([part if generator is None else generator(part) for part in parts])
    return mean_by_base((outputs - targets).abs().mean(dim=(1, 2, 3)).numpy() / 2, glyphs.bases)


def train_cyclegan(
    config: CycleGanConfig,
    data: EmojiSplit,
    out: Path,
    init: Start | None = None,
) -> None:
    """Trains both directions; resumes from ``out``; leaves ``best.pt`` and sample sheets there.

    ``init`` may hold each direction's weights to start from (a warm start with fresh discriminators).
    """
    torch.manual_seed(config.seed)  # initialisation only; the rest draws from rng
    generators = nn.ModuleDict({name: new_generator(config) for name in DIRECTIONS})
    for name, weights in (init or {}).items():
        start_from(generators[name], weights)
    critics = nn.ModuleDict({name: patch_discriminator(config.ndf) for name in DIRECTIONS})
    averages = {name: Ema(generators[name], lambda g: g.state_dict(), config.ema) for name in DIRECTIONS}
    betas = (config.beta1, 0.999)
    opt_g = torch.optim.Adam(generators.parameters(), config.learning_rate, betas)
    opt_d = torch.optim.Adam(critics.parameters(), config.learning_rate, betas)
    pools = {name: FakePool(config.pool) for name in DIRECTIONS}
    rng = torch.Generator().manual_seed(config.seed)
    run = Run(
        out,
        _identity(config, init),
        {
            "generators": generators,
            "critics": critics,
            "opt_g": opt_g,
            "opt_d": opt_d,
            **{f"ema.{name}": averages[name] for name in DIRECTIONS},
            **{f"pool.{name}": pools[name] for name in DIRECTIONS},
        },
        rng,
    )
    run.resume()
    edges = Sampler(drawings(data.drawn), data.drawn.bases)
    emoji = Sampler(pictures(data.pictured), data.pictured.bases)
    bar = tqdm(total=config.pairs, initial=run.done, desc="cyclegan", mininterval=5)
    while run.done < config.pairs:
        for optimizer in (opt_g, opt_d):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * min(1.0, 2 * (1 - run.done / config.pairs))
        real = {
            "edges2emoji": emoji.draw(config.batch, rng),
            "emoji2edges": edges.draw(config.batch, rng),
        }
        loss_g, fakes = _generator_step(generators, critics, real, opt_g, config)
        loss_d = _critic_step(critics, real, fakes, pools, opt_d, rng)
        for name in DIRECTIONS:
            averages[name].update(generators[name])
        run.done += config.batch
        bar.update(config.batch)
        bar.set_postfix(g=f"{loss_g:.3f}", d=f"{loss_d:.3f}", refresh=False)
        if run.done % config.evaluate_every < config.batch or run.done >= config.pairs:
            _evaluate(run, averages, data, loss_g, loss_d)
            run.save()
        run.save_if_due()
    bar.close()


def _generator_step(
    generators: nn.ModuleDict,
    critics: nn.ModuleDict,
    real: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    config: CycleGanConfig,
) -> tuple[float, dict[str, Tensor]]:
    """One step of both generators; ``real[name]`` are images of the domain ``name`` leads to."""
    critics.requires_grad_(False)
    fakes, losses = {}, []
    for name, back in (DIRECTIONS, DIRECTIONS[::-1]):
        source = real[back]
        fakes[name] = generators[name](source)
        score = critics[name](fakes[name])
        losses.append(F.mse_loss(score, torch.ones_like(score)))
        losses.append(config.cycle_weight * F.l1_loss(generators[back](fakes[name]), source))
    loss = torch.stack(losses).sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    critics.requires_grad_(True)
    return loss.item(), fakes


def _critic_step(
    critics: nn.ModuleDict,
    real: Mapping[str, Tensor],
    fakes: Mapping[str, Tensor],
    pools: Mapping[str, FakePool],
    optimizer: torch.optim.Optimizer,
    rng: torch.Generator,
) -> float:
    losses = []
    for name in DIRECTIONS:
        # One pass over both: InstanceNorm treats every image by itself.
        shown = pools[name].exchange(fakes[name], rng)
        on_real, on_fake = critics[name](torch.cat([real[name], shown])).chunk(2)
        losses.append(0.5 * ((on_real - 1) ** 2).mean() + 0.5 * (on_fake**2).mean())
    loss = torch.stack(losses).sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def _evaluate(run: Run, averages: Mapping[str, Ema], data: EmojiSplit, loss_g: float, loss_d: float) -> None:
    forward, backward = (averages[name].average for name in DIRECTIONS)
    validation = data.drawn.select(np.arange(len(data.drawn.names)) % 4 == 0)
    score = translation_l1(forward, validation)
    run.log(l1=score, loss_g=loss_g, loss_d=loss_d)
    if score < run.best:
        run.best = score
        states = {name: averages[name].average.state_dict() for name in DIRECTIONS}
        save_state(run.out / "best.pt", {"weights": states, "done": run.done, "l1": score})
    chosen = data.held_out.select(np.arange(len(data.held_out.names)) % 23 == 0)
    with torch.inference_mode():
        drawn, true = drawings(chosen), pictures(chosen)
        sheet = torch.cat([drawn, forward(drawn), true, backward(true)])
    save_grid(sheet, len(chosen.names), run.out / "samples" / f"{run.done:07d}.png")


def publish_cyclegan(
    config: CycleGanConfig, data: EmojiSplit, out: Path, folder: Path, init: Path | None = None
) -> list[Path]:
    """Writes both directions of the best average with what was measured on held-out glyphs.

    `config` and `init`, the folder of the weights that it started from, are those of the run in `out`.
    Raises OtherConfiguration if the run says otherwise.
    """
    best, last = load_state(out / "best.pt"), load_state(out / "checkpoint.pt")
    files = {} if init is None else {name: init / f"cyclegan-{name}.safetensors" for name in DIRECTIONS}
    if last["config"] != _identity(config, {name: load_file(path) for name, path in files.items()}):
        raise OtherConfiguration(out / "checkpoint.pt")
    written = []
    for name in DIRECTIONS:
        metadata: dict[str, object] = {
            "network": f"cyclegan-{name}",
            "arch": "cyclegan-resnet",
            "arguments": {"ngf": config.ngf, "n_blocks": config.blocks},
            "config": asdict(config),
            "data_source": "emoji-datasource-google@16.0.0",
            "data_fingerprint": data.fingerprint,
            "pairs": best["done"],
            "cpu_hours": round(last["cpu_seconds"] / 3600, 3),
            "started_from": describe_weights(files[name]) if files else None,
        }
        if name == "edges2emoji":
            generator = new_generator(config).eval()
            generator.load_state_dict(best["weights"][name])
            metadata["held_out_l1"] = translation_l1(generator, data.held_out)
            metadata["held_out_l1_untranslated"] = translation_l1(None, data.held_out)
        path = folder / f"cyclegan-{name}.safetensors"
        export_weights(path, best["weights"][name], metadata)
        written.append(path)
    return written
