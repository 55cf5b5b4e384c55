"""What a training does, and where it ends."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from tiny_sagan import SHORT, Tiny, error, short, start, tune

from ganqbench.recipes import distillation
from ganqbench.recipes.critic import WeightRounding
from ganqbench.recipes.distillation import Distillation
from ganqbench.recipes.fine_tune import Diverged, _Training
from ganqbench.recipes.recipe import RECIPES
from ganqbench.zoo.latents import Latents


@pytest.mark.parametrize(
    ("name", "left"),
    # The classifiers know nothing of a random generator's images, so that their terms pull elsewhere.
    [
        ("distill-pixel", 0.6),
        *((name, 0.9) for name in ("distill", "distill-no-average", "distill-adv", "joint")),
        ("distill-restated", 0.9),
    ],
)
def test_images_come_closer_to_full_precision(name: str, left: float) -> None:
    entry = Tiny()
    student, teacher = start(entry)
    before = error(student, teacher)
    trained = tune(student, teacher, entry, short(name))
    assert error(student, teacher) < left * before
    assert set(entry.asked) == {"train", "choose"}
    assert trained.steps == 30
    assert trained.kept in (10, 20, 30)


def test_the_control_has_no_term_but_the_adversarial_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dict(RECIPES["adversarial"].losses) == {"adversarial": 1.0}
    student, teacher = start(Tiny())
    inputs = Latents("choose", 8, 3).batch(range(8))
    training = _Training(student, teacher, short("adversarial"), [inputs], 3, 0)
    assert training.critic is not None
    expected = copy.deepcopy(training.critic).loss(student(*inputs))  # a copy, since looking changes it
    for name in ("relative_error", "mean_error", "moment_error"):  # no number, whatever it enters
        monkeypatch.setattr(distillation, name, lambda *_: torch.tensor(torch.nan))
    assert torch.equal(training.distillation.loss(inputs), expected)
    before = [value.detach().clone() for value in student.parameters()]
    training.advance(inputs)
    assert all(torch.isfinite(value).all() for value in student.parameters())
    assert not all(torch.equal(a, b) for a, b in zip(before, student.parameters(), strict=True))


@pytest.mark.parametrize(
    ("adapter", "method"),
    [
        ("ganq", "qat-lsq"),
        ("brevitas", "qat-lsq"),
        ("modelopt", "qat-max"),
        ("pytorch_quantization", "qat-learn-amax"),
        ("torch_ao", "qat-lsq"),
    ],
)
def test_every_trainable_backend_can_be_trained(adapter: str, method: str) -> None:
    entry = Tiny()
    student, teacher = start(entry, "W8A8", method, adapter)
    recipe = replace(SHORT, steps=2, check_every=1)
    judged = [Latents("choose", 8, 3).batch(range(8))]
    training = _Training(student, teacher, recipe, judged, 8, 0)
    # What was traced to a graph has no blocks and is compared by its images.
    assert bool(training.distillation.blocks) == (adapter != "torch_ao")
    before = [value.detach().clone() for value in student.parameters() if value.requires_grad]
    training.advance(Latents("train", 8, 3).batch(range(8)))
    after = [value for value in student.parameters() if value.requires_grad]
    assert not all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    training.judge()
    assert 0 < training.best < 1


def test_the_critics_weights_lie_on_their_grid() -> None:
    weight = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    rounded = WeightRounding(3)(weight)
    for row, own in zip(rounded, weight, strict=True):
        assert len(row.detach().unique()) <= 7  # levels -3 to 3
        assert float(row.detach().abs().max()) == pytest.approx(float(own.detach().abs().max()))
    rounded.sum().backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.ones_like(weight))  # straight through


def test_the_teacher_is_left_alone_and_a_seed_decides_everything() -> None:
    entry = Tiny()
    student, teacher = start(entry)
    again = copy.deepcopy(student)
    other = copy.deepcopy(student)
    state = copy.deepcopy(teacher.state_dict())
    recipe = replace(SHORT, steps=10, losses=RECIPES["distill-adv"].losses)
    torch.manual_seed(5)
    tune(student, teacher, entry, recipe)
    torch.manual_seed(6)  # no randomness but the seed that was handed in
    tune(again, teacher, entry, recipe)
    tune(other, teacher, entry, recipe, seed=1)
    assert all(torch.equal(state[key], value) for key, value in teacher.state_dict().items())
    same = [torch.equal(a, b) for a, b in zip(student.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not all(torch.equal(a, b) for a, b in zip(student.parameters(), other.parameters(), strict=True))


def test_norm_statistics_stay() -> None:
    entry = Tiny()
    student, teacher = start(entry)
    means = {key: value.clone() for key, value in student.state_dict().items() if "running" in key}
    assert means
    tune(student, teacher, entry, replace(SHORT, steps=5))
    after = student.state_dict()
    assert all(torch.equal(after[key], value) for key, value in means.items())


def test_divergence_is_told_and_leaves_the_best_state() -> None:
    entry = Tiny()
    student, teacher = start(entry)
    before = error(student, teacher)
    wild = replace(SHORT, weight_rate=1e4, other_rate=1e4, warm_up=1, average=0.0)
    with pytest.raises(Diverged, match="diverged"):
        tune(student, teacher, entry, wild)
    assert error(student, teacher) <= before


class Poison(Latents):
    """The inputs of training are no numbers from the fifth batch on."""

    drawn = 0

    def batch(self, indices: Sequence[int]) -> tuple[torch.Tensor, ...]:
        z, labels = super().batch(indices)
        self.drawn += 1
        return (z * float("nan") if self.drawn > 5 else z), labels


def test_nan_is_caught_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Tiny()
    student, teacher = start(entry)
    poisoned = Poison("train", 8, 3)
    honest = entry.inputs
    monkeypatch.setattr(entry, "inputs", lambda split, size: poisoned if split == "train" else honest(split))
    with pytest.raises(Diverged, match="step 6 is nan"):
        tune(student, teacher, entry, SHORT)
    assert all(torch.isfinite(value).all() for value in student.parameters())


def test_what_decides_is_the_choose_split() -> None:
    """A recipe that makes things worse returns where it began."""
    entry = Tiny()
    student, teacher = start(entry)
    before = [value.detach().clone() for value in student.parameters()]
    harmful = replace(SHORT, weight_rate=2.0, steps=3, check_every=1, average=0.0, warm_up=1)
    with contextlib.suppress(Diverged):
        assert tune(student, teacher, entry, harmful).kept == 0
    assert all(torch.equal(a, b) for a, b in zip(before, student.parameters(), strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", ["distill-adv", "distill-restated"])
def test_a_training_runs_where_the_student_is(name: str) -> None:
    entry = Tiny()
    student, teacher = start(entry)
    before = error(student, teacher)
    tune(student.cuda(), teacher, entry, short(name))
    assert {value.device.type for value in student.parameters()} == {"cuda"}
    assert error(student.cpu(), teacher.cpu()) < 0.9 * before


def test_nothing_else_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Tiny()
    student, teacher = start(entry)
    judged: list[torch.Tensor] = []
    honest = Distillation.distance

    def watched(self: Distillation, inputs: tuple[torch.Tensor, ...]) -> float:
        judged.append(inputs[0])
        return honest(self, inputs)

    monkeypatch.setattr(Distillation, "distance", watched)
    tune(student, teacher, entry, replace(SHORT, steps=10))
    wanted = [Latents("choose", 8, 3).batch(range(first, first + 8))[0] for first in (0, 8)]
    assert len(judged) == 4  # the start, and after ten steps
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(judged, wanted * 2, strict=True))
