"""Student and teacher on the same inputs, and how far apart they are in a recipe's terms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganqbench.recipes.critic import Critic
from ganqbench.recipes.losses import mean_error, moment_error, relative_error
from ganqbench.recipes.recipe import Loss, Recipe
from ganqbench.recipes.taps import outputs, shared_blocks
from ganqbench.train.teacher import load_eyes
from ganqbench.zoo.generator import Inputs


class Distillation:
    """The loss of a recipe. `critic` is given where one of its terms is adversarial."""

    def __init__(
        self, student: nn.Module, teacher: nn.Module, recipe: Recipe, critic: Critic | None = None
    ) -> None:
        self.student, self.teacher, self.weights, self.critic = student, teacher, recipe.losses, critic
        self.blocks = shared_blocks(teacher, student) if "block" in self.weights else ()
        device = next((value.device for value in teacher.parameters()), torch.device("cpu"))
        self.classifiers = tuple(classifier.to(device) for classifier in load_eyes().values())

    def loss(self, inputs: Inputs, *, learn: bool = False) -> Tensor:
        """The weighted sum of the terms, a scalar; with `learn` the critic takes a step before."""
        target, images, terms = self._compare(inputs)
        if self.critic is not None:
            if learn:
                self.critic.learn(target, images)
            terms["adversarial"] = self.critic.loss(images)
        return torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum()

    def distance(self, inputs: Inputs) -> float:
        """The sum without the adversarial term; the error of moments where that is all there is."""
        _, _, terms = self._compare(inputs)
        paired = {name: weight for name, weight in self.weights.items() if name in terms}
        return sum(weight * terms[name].item() for name, weight in (paired or {"moment": 1.0}).items())

    def _compare(self, inputs: Inputs) -> tuple[Tensor, Tensor, dict[Loss, Tensor]]:
        """Images of teacher and student, and the terms that compare them pair by pair."""
        with outputs(self.teacher, self.blocks) as theirs, torch.no_grad():
            target = self.teacher(*inputs)
        with outputs(self.student, self.blocks) as mine:
            images = self.student(*inputs)
        terms: dict[Loss, Tensor] = {"pixel": relative_error(images, target)}
        if "block" in self.weights:
            names = self.blocks
            # A student whose blocks are gone (a graph) is compared by its images.
            terms["block"] = (
                mean_error([mine[name] for name in names], [theirs[name] for name in names])
                if names
                else terms["pixel"]
            )
        if not self.weights.keys() <= {"pixel", "block"}:
            with torch.no_grad():
                goal = self._maps(target)
            maps = self._maps(images)
            terms["feature"] = mean_error(maps, goal)
            terms["moment"] = moment_error([images, *maps], [target, *goal])
        return target, images, terms

    def _maps(self, images: Tensor) -> list[Tensor]:
        """What the classifiers of the trainings see: one alone would be pleased by what only it sees."""
        return [stage for classifier in self.classifiers for stage in classifier.stages(images)]
