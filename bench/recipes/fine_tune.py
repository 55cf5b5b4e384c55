"""The loop of every recipe: follow its loss, keep the best average, give up on divergence."""

from __future__ import annotations

import math
import pickle
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ganqbench.recipes.average import Average
from ganqbench.recipes.critic import Critic
from ganqbench.recipes.dampening import distance_to_levels, rounded_weights
from ganqbench.recipes.distillation import Distillation
from ganqbench.recipes.items import batch_size, first_batches, random_batches
from ganqbench.recipes.norms import restate_norms
from ganqbench.recipes.rates import parameter_groups
from ganqbench.recipes.recipe import Recipe
from ganqbench.train.checkpoint import load_state, save_state
from ganqbench.train.teacher import load_teacher
from ganqbench.zoo.generator import Inputs, ZooEntry

_DIVERGED = 20.0
"""A loss this many times the first one is no path to a better one."""


class Diverged(Exception):
    """The losses grew without bound or were no numbers; the message says when."""


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    steps: int
    kept: int
    """The step after which the average was kept; 0 where none was nearer than the start, which is kept."""
    earlier_s: tuple[float, float]
    """Wall and CPU seconds of the processes that were cut off before this one."""


def fine_tune(
    student: nn.Module,
    teacher: nn.Module,
    entry: ZooEntry,
    recipe: Recipe,
    *,
    resolution: int,
    weight_bits: int,
    seed: int,
    checkpoint: Path | None = None,
) -> Trained:
    """Train `student` in place on split `train`; it ends as the average that split `choose` likes best.

    All of it happens on the device that the student is on, where the teacher is brought, too. The
    student stays in eval mode, so norms keep their statistics (a recipe may move them before). What
    decides is the recipe's loss without its adversarial term, in which nothing of the published metrics'
    network has a part. With a `checkpoint` a training that was cut off goes on from there, to the same
    bits; the file is gone when it has ended. Raises Diverged, with the student at its best state, when
    the losses are no longer finite or have grown out of hand, and Inapplicable where the recipe
    finds no norm to move or no weight to dampen.
    """
    device = next((value.device for value in student.parameters()), torch.device("cpu"))
    student.eval()
    teacher.eval().requires_grad_(False).to(device)
    start = None if checkpoint is None else fingerprint(student, recipe, weight_bits, seed)
    size = batch_size(recipe.batch, resolution)
    train = entry.inputs("train", resolution)
    if recipe.restate:
        restate_norms(student, teacher, first_batches(train, size, recipe.restate, device))
    judged = list(first_batches(entry.inputs("choose", resolution), size, recipe.choose, device))
    training = _Training(student, teacher, recipe, judged, weight_bits, seed)
    if checkpoint is not None and start is not None:
        training.resume(checkpoint, start)
    batches = random_batches(train, size, training.rng, device)
    bar = tqdm(total=recipe.steps, initial=training.step, desc="fine-tuning", leave=False, mininterval=1)
    try:
        with torch.enable_grad(), bar:
            while training.step < recipe.steps:
                training.advance(next(batches))
                bar.update()
                if training.step % recipe.check_every == 0 or training.step == recipe.steps:
                    training.judge()
                    if checkpoint is not None and start is not None:
                        training.save(checkpoint, start)
    except Diverged:
        training.forget(checkpoint)
        raise
    finally:
        training.finish()
    training.forget(checkpoint)
    return Trained(recipe.steps, training.kept, training.earlier_s)


class _Training:
    """A training under way: all that decides how it goes on, and the best average so far."""

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        recipe: Recipe,
        judged: list[Inputs],
        weight_bits: int,
        seed: int,
    ) -> None:
        self.student, self.recipe, self.judged, self.weight_bits = student, recipe, judged, weight_bits
        self.rng = torch.Generator().manual_seed(seed)
        self.critic = _critic(recipe, teacher, judged[0], seed, weight_bits)
        self.distillation = Distillation(student, teacher, recipe, self.critic)
        self.dampened = rounded_weights(student) if recipe.dampening else {}
        groups = parameter_groups(student, teacher, recipe, weight_bits)
        self.optimizer = torch.optim.Adam(list(groups), betas=(0.9, 0.99))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: _factor(step, recipe))
        self.average = Average(student, recipe.average)
        self.step = self.kept = 0
        self.earlier_s = (0.0, 0.0)
        self._began = time.perf_counter(), time.process_time()
        self.chosen = _copies(self.average)
        self.best = self.first = _score(self.distillation, judged)

    def advance(self, inputs: Inputs) -> None:
        """One step of the critic, where there is one, and of the student."""
        self.step += 1
        loss = self.distillation.loss(inputs, learn=True)
        if self.dampened:
            # Grows as the rates fall, so that weights first find their level and then keep it.
            pull = self.recipe.dampening * (1 - math.cos(math.pi * self.step / self.recipe.steps)) / 2
            loss = loss + pull * distance_to_levels(self.dampened, self.weight_bits)
        if not math.isfinite(loss.item()):
            raise Diverged(f"Fine-tuning diverged: the loss at step {self.step} is {loss.item()}.")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.average.update()

    def judge(self) -> None:
        """Keep the average if it is the best yet; Diverged if it has grown out of hand."""
        with self.average.applied():
            score = _score(self.distillation, self.judged)
        if not score < _DIVERGED * max(self.first, 1e-3):  # a NaN is caught too
            raise Diverged(
                f"Fine-tuning diverged: after step {self.step} the distance to full precision is "
                f"{score:.4g}, at first it was {self.first:.4g}."
            )
        if score < self.best:
            self.best, self.kept, self.chosen = score, self.step, _copies(self.average)

    def finish(self) -> None:
        """Leave the student as the average that was liked best."""
        self.average.load(self.chosen)
        self.optimizer.zero_grad(set_to_none=True)

    def save(self, path: Path, start: str) -> None:
        """Write everything that a later process needs to go on, whole or not at all."""
        wall, cpu = (
            earlier + now - began
            for earlier, now, began in zip(
                self.earlier_s, (time.perf_counter(), time.process_time()), self._began, strict=True
            )
        )
        save_state(
            path,
            {
                "start": start,
                "student": [value.detach() for value in self.student.parameters()],
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "average": self.average.state_dict(),
                "critic": None if self.critic is None else self.critic.state_dict(),
                "chosen": self.chosen,
                "scores": (self.best, self.first),
                "rng": self.rng.get_state(),
                "step": self.step,
                "kept": self.kept,
                "seconds": (wall, cpu),
            },
        )

    def resume(self, path: Path, start: str) -> None:
        """Go on from a file of :meth:`save` with the same start; any other is left alone."""
        try:
            state = load_state(path)
        except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError):
            return
        if not isinstance(state, dict) or state.get("start") != start:
            return
        with torch.no_grad():
            for value, saved in zip(self.student.parameters(), state["student"], strict=True):
                value.copy_(saved)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.average.load_state_dict(state["average"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        self.chosen, self.step, self.kept = state["chosen"], state["step"], state["kept"]
        self.earlier_s = state["seconds"]
        self.best, self.first = state["scores"]
        self.rng.set_state(state["rng"])

    @staticmethod
    def forget(path: Path | None) -> None:
        """Remove what was saved: the training has ended."""
        if path is not None:
            path.unlink(missing_ok=True)


def fingerprint(student: nn.Module, recipe: Recipe, weight_bits: int, seed: int) -> str:
    """Hash of all that decides a training beside the code: the student as it begins, recipe, width, seed."""
    words = f"{sorted(recipe.losses.items())} {replace(recipe, losses={})} {weight_bits} {seed}"
    digest = sha256(words.encode())
    for name, value in student.state_dict().items():
        digest.update(name.encode())
        if isinstance(value, Tensor):
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


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
    return Critic(load_teacher().to(images.device), images, seed, bits if recipe.quantize_critic else None)
