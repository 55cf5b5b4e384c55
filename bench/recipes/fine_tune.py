"""The loop of every recipe: follow its loss, keep the best average, give up on divergence."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ganqbench.recipes.average import Average
from ganqbench.recipes.critic import Critic
from ganqbench.recipes.distillation import Distillation
from ganqbench.recipes.items import batch_size, first_batches, random_batches
from ganqbench.recipes.rates import parameter_groups
from ganqbench.recipes.recipe import Recipe
from ganqbench.train.teacher import load_teacher
from ganqbench.zoo.generator import Inputs, ZooEntry

_DIVERGED = 20.0
"""A loss this many times the first one is no path to a better one."""


class Diverged(Exception):
    """The losses grew without bound or were no numbers; the message says when."""


def fine_tune(
    student: nn.Module,
    teacher: nn.Module,
    entry: ZooEntry,
    recipe: Recipe,
    *,
    resolution: int,
    weight_bits: int,
    seed: int,
) -> None:
    """Train `student` in place on split `train`; it ends as the average that split `choose` likes best.

    Norms keep their statistics: the student stays in eval mode. What decides is the recipe's loss
    without its adversarial term, in which nothing of the published metrics' network has a part.
    Raises Diverged, with the student at its best state, when the losses are no longer finite or
    have grown out of hand.
    """
    student.eval()
    teacher.eval().requires_grad_(False)
    size = batch_size(recipe.batch, resolution)
    judged = list(first_batches(entry.inputs("choose", resolution), size, recipe.choose))
    batches = random_batches(entry.inputs("train", resolution), size, torch.Generator().manual_seed(seed))
    critic = _critic(recipe, teacher, judged[0], seed, weight_bits)
    distillation = Distillation(student, teacher, recipe, critic)
    optimizer = torch.optim.Adam(
        list(parameter_groups(student, teacher, recipe, weight_bits)), betas=(0.9, 0.99)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _factor(step, recipe))
    average = Average(student, recipe.average)
    chosen = _copies(average)
    best = first = _score(distillation, judged)
    try:
        with torch.enable_grad():
            for step in tqdm(range(1, recipe.steps + 1), desc="fine-tuning", leave=False, mininterval=1):
                loss = distillation.loss(next(batches), learn=True)
                if not math.isfinite(loss.item()):
                    raise Diverged(f"Fine-tuning diverged: the loss at step {step} is {loss.item()}.")
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                average.update()
                if step % recipe.check_every == 0 or step == recipe.steps:
                    with average.applied():
                        score = _score(distillation, judged)
                    if not score < _DIVERGED * max(first, 1e-3):  # a NaN is caught too
                        raise Diverged(
                            f"Fine-tuning diverged: after step {step} the distance to full precision is "
                            f"{score:.4g}, at first it was {first:.4g}."
                        )
                    if score < best:
                        best, chosen = score, _copies(average)
    finally:
        average.load(chosen)
        optimizer.zero_grad(set_to_none=True)


def _factor(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine to zero."""
    rising = min(1.0, (step + 1) / max(1, recipe.warm_up))
    return rising * 0.5 * (1 + math.cos(math.pi * min(1.0, step / recipe.steps)))


def _copies(average: Average) -> list[Tensor]:
    return [value.clone() for value in average.values]


@torch.inference_mode()
def _score(distillation: Distillation, judged: list[Inputs]) -> float:
    return sum(distillation.distance(inputs) for inputs in judged) / len(judged)


def _critic(recipe: Recipe, teacher: nn.Module, example: Inputs, seed: int, bits: int) -> Critic | None:
    if "adversarial" not in recipe.losses:
        return None
    with torch.no_grad():
        images = teacher(*example)
    return Critic(load_teacher(), images, seed, bits if recipe.quantize_critic else None)
