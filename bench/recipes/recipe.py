"""What a recipe is, and the recipes there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

Loss = Literal["pixel", "block", "feature", "moment", "adversarial"]


class Inapplicable(ValueError):
    """The recipe finds nothing to work on in this model; the message says what, and what to do."""


@dataclass(frozen=True)
class Recipe:
    """A fine-tuning of the quantized generator, the student, towards its full-precision self.

    Rates are relative: how far a parameter may move in one step. For weights the unit is the step of
    a grid over four standard deviations at the claimed width, so that 8 bits move less than 4; for
    all else it is the parameter's own size. They follow a cosine to zero after `warm_up` steps.
    """

    title: str
    reference: str
    steps: int
    losses: Mapping[Loss, float]
    """Terms and their weights; each term is relative to the variance of what it compares."""
    batch: int = 32
    weight_rate: float = 0.008
    quantizer_rate: float = 1e-3
    other_rate: float = 1e-3
    warm_up: int = 20
    average: float = 0.98
    """Decay of the exponential average of all parameters, which is what is returned; 0 for none."""
    check_every: int = 50
    choose: int = 256
    """Items of split `choose` that decide which state is returned."""
    restate: int = 0
    """Items of split `train` on which norm statistics are moved before training; 0 leaves them."""
    dampening: float = 0.0
    """Pull of weights towards their rounded values at the end of training, which it grows to."""
    quantize_critic: bool = False
    """Whether the convolutions of the adversarial term's discriminator have weights of the claimed width."""


_OWN = "This project; matching a teacher's outputs is knowledge distillation (Hinton et al. 2015)."
_ADVERSARIAL = "This project; distillation with an adversarial term as in GAN Slimming (Wang et al. 2020)."

_DISTILL = Recipe(
    title="Self-distillation on images, block outputs and two classifiers' features with their moments",
    reference=_OWN,
    steps=400,
    losses=MappingProxyType({"pixel": 1.0, "block": 0.3, "feature": 0.3, "moment": 1.0}),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "distill": _DISTILL,
        "distill-pixel": replace(
            _DISTILL,
            title="Self-distillation on images alone",
            losses=MappingProxyType({"pixel": 1.0}),
        ),
        "distill-no-moment": replace(
            _DISTILL,
            title="Self-distillation without the moments",
            losses=MappingProxyType({"pixel": 1.0, "block": 0.3, "feature": 0.3}),
        ),
        "distill-no-average": replace(
            _DISTILL, title="Self-distillation without the average of weights", average=0.0
        ),
        "distill-restated": replace(
            _DISTILL, title="Self-distillation after norm statistics were moved", restate=1024
        ),
        "distill-dampened": replace(
            _DISTILL,
            title="Self-distillation with oscillation dampening",
            reference="This project, with the dampening of Nagel et al. 2022 (arXiv 2203.11086).",
            dampening=0.1,
        ),
        "distill-long": replace(_DISTILL, title="Self-distillation, four times the steps", steps=1600),
        "distill-short": replace(_DISTILL, title="Self-distillation, a quarter of the steps", steps=100),
        "distill-adv": replace(
            _DISTILL,
            title="Self-distillation with a small adversarial term",
            reference=_ADVERSARIAL,
            losses=MappingProxyType({**_DISTILL.losses, "adversarial": 0.02}),
        ),
        "adversarial": replace(
            _DISTILL,
            title="Adversarial against the full-precision images alone (control)",
            reference="A control: Goodfellow et al. 2014, with the hinge loss.",
            losses=MappingProxyType({"adversarial": 1.0}),
        ),
        "joint": replace(
            _DISTILL,
            title="Self-distillation with an adversarial term, the discriminator's convolutions quantized",
            reference="Joint quantization of generator and discriminator is from a study on OpenReview "
            "(9EkqevSE5U); the losses are this project's.",
            losses=MappingProxyType({**_DISTILL.losses, "adversarial": 0.02}),
            quantize_critic=True,
        ),
    }
)
"""By the name that cells carry. One factor differs between `distill` and each of its variants."""
